import { gateOf, skippedGate, type Gate } from '../gate'
import type { Template } from '../../package/packaged'
import { motoAbsent, startMoto, type Moto } from '../../support/moto'
import { createStack, defectsOf, deployedDefinition } from '../../support/moto-stack'
import { NETWORK, REGION, type Variants } from '../template/variants'

/** The one value that a call of EC2 answers under a name. */
const ec2 = async ({ endpoint }: Moto, Action: string, fields: Record<string, string>, answer: string): Promise<string> => {
  const reply = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: `AWS4-HMAC-SHA256 Credential=fake/20260101/${REGION}/ec2/aws4_request, SignedHeaders=host, Signature=0` },
    body: new URLSearchParams({ Version: '2016-11-15', Action, ...fields }),
  })
  const text = await reply.text()
  const found = new RegExp(`<${answer}>([^<]+)</${answer}>`).exec(text)
  if (found === null) throw new Error(`${Action}: ${reply.status} ${text}`)
  return found[1]!
}

/** The template with a VPC, subnets and a route table that are there, in place of those that the variant names. */
const withItsVpc = async (moto: Moto, template: Template): Promise<Template> => {
  const text = JSON.stringify(template)
  if (!text.includes(NETWORK.vpc)) return template
  const VpcId = await ec2(moto, 'CreateVpc', { CidrBlock: '10.0.0.0/16' }, 'vpcId')
  const table = await ec2(moto, 'CreateRouteTable', { VpcId }, 'routeTableId')
  const subnets = await Promise.all(
    NETWORK.subnets.map((_, index) => ec2(moto, 'CreateSubnet', { VpcId, CidrBlock: `10.0.${index}.0/24` }, 'subnetId')),
  )
  const real: Record<string, string> = { [NETWORK.vpc]: VpcId, [NETWORK.routeTable]: table }
  for (const [index, subnet] of NETWORK.subnets.entries()) real[subnet] = subnets[index]!
  return JSON.parse(Object.entries(real).reduce((changed, [named, made]) => changed.replaceAll(named, made), text)) as Template
}

/**
 * Creates every packaged template in moto's CloudFormation, each in an empty account. It shows that the template hangs together
 * in an interpreter that nobody here wrote; it shows nothing about rights, which moto does not enforce.
 */
export const motoCreates = async (variants: Variants): Promise<Gate> => {
  const absent = motoAbsent()
  if (absent !== undefined) return skippedGate('moto', absent)
  let created = 0
  const checks = []
  const moto = await startMoto()
  try {
    for (const [name, { template }] of Object.entries(variants)) {
      await fetch(`${moto.endpoint}/moto-api/reset`, { method: 'POST' })
      const stack = await createStack(moto, REGION, await withItsVpc(moto, template))
      const definition = stack.status === 'CREATE_COMPLETE' ? await deployedDefinition(moto, REGION, stack) : ''
      created += stack.resources.length
      const defects = defectsOf(stack, definition, template)
      // Of a stack that was refused nothing is there: the refusal says why.
      checks.push({ title: `[${name}]`, problems: stack.status === 'CREATE_COMPLETE' ? defects : defects.slice(0, 1) })
    }
  } finally {
    await moto.stop()
  }
  return { ...gateOf('moto', checks), notes: [String(created)] }
}

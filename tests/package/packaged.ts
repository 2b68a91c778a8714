import { execFile, spawnSync } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

export interface Resource {
  Type: string
  Condition?: string
  DeletionPolicy?: string
  DependsOn?: string[]
  /** whatever CloudFormation allows */
  Properties: any
}

export interface Template {
  Parameters: Record<string, { Type: string; Default: string }>
  Conditions: Record<string, unknown>
  Resources: Record<string, Resource>
  Outputs: Record<string, unknown>
}

export interface Packaged {
  template: Template
  /** holds the template and every zip */
  folder: string
  remove(): Promise<void>
}

/** A value for every deploy parameter. */
export const EVERYTHING = [
  'allowedDestinations=my-bucket, arn:aws:s3:::other.bucket,210987654321,arn:aws:kms:eu-central-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  'allowedRegions=eu-central-1,eu-west-1',
  'sourceRoles=arn:aws:iam::111122223333:role/drayage-source',
  'revocationRoles=arn:aws:iam::111122223333:role/drayage-revocation',
  'deleteMarkers=true',
  'reservedConcurrency=20',
  'alarmEmail=operators@example.com',
  'auditTrail=true',
  'vpcId=vpc-0123456789abcdef0',
  'vpcSubnetIds=subnet-0123456789abcdef0,subnet-0123456789abcdef1',
  'vpcRouteTableIds=rtb-0123456789abcdef0',
  'logKeys=hash',
  'scheduleExpression=rate(1 day)',
  'scheduleInput={"source":{"bucket":"a"},"note":"b=c"}',
]

/** Whether this machine can run a command without any network. */
export const canIsolate = spawnSync('unshare', ['-rn', 'true']).status === 0

const INPUTS = ['serverless.yml', 'package.json', 'tsconfig.json', 'serverless', 'statemachines', 'scripts', 'functions', 'layers']

/**
 * Runs `serverless package` as npm run package does, without network where that can be arranged, and without credentials. In a
 * copy of what it reads: osls writes into .serverless of the service's folder even if told otherwise, so two would collide.
 */
export const packaged = async (...parameters: string[]): Promise<Packaged> => {
  const place = await mkdtemp(join(tmpdir(), 'drayage-package-'))
  for (const input of INPUTS) await cp(input, join(place, input), { recursive: true })
  await symlink(resolve('node_modules'), join(place, 'node_modules'))
  const command = [process.execPath, 'node_modules/serverless/bin/serverless.js', 'package']
  const options = parameters.map((parameter) => `--param=${parameter}`)
  const [program, ...args] = [...(canIsolate ? ['unshare', '-rn'] : []), ...command, ...options] as [string, ...string[]]
  const env = { PATH: process.env.PATH, HOME: place, AWS_EC2_METADATA_DISABLED: 'true' }
  await promisify(execFile)(program, args, { cwd: place, env }).catch(({ stdout, stderr }: { stdout: string; stderr: string }) => {
    throw new Error(`serverless package failed:\n${stdout}\n${stderr}`)
  })
  const folder = join(place, '.serverless')
  const template = JSON.parse(await readFile(join(folder, 'cloudformation-template-update-stack.json'), 'utf8')) as Template
  return { template, folder, remove: () => rm(place, { recursive: true }) }
}

export const resourcesOf = (template: Template, type: string): [string, Resource][] =>
  Object.entries(template.Resources).filter(([, resource]) => resource.Type === type)

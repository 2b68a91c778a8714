import { isWildcardOnlyAction, runSimulation } from '@cloud-copilot/iam-simulate'
import { ACCOUNT } from '../template/variants'
import { NOW } from './times'
import type { Actor, Document, World } from './world'

/** A request that somebody makes, and what must come of it. */
export interface Case {
  /** name of an actor of the world */
  who: string
  may: boolean
  action: string
  /** an ARN; `*` for an action that knows no resource */
  on: string
  /** context keys besides the usual ones of `simulate` */
  where: Record<string, string>
  /** the account of the resource */
  owner: string
  /** what the case shows, where its parts do not say it */
  why: string
}

const accountOf = ({ arn }: Actor): string => (arn.startsWith('arn:') ? arn.split(':')[4]! : ACCOUNT)
const isService = ({ arn }: Actor): boolean => !arn.startsWith('arn:')

/** All of the world that the answer to a case depends on. */
export const decidersOf = (world: World, { who, on }: Case): { actor: Actor | undefined; resourcePolicy: Document | undefined } => ({
  actor: world.actors[who],
  resourcePolicy: world.resourcePolicies[policyKey(on)],
})

/**
 * The simulator leaves out the context keys kms:EncryptionContext:NAME, whose names have no end. It takes the tags of a request, which are
 * compared alike: so each goes by the name of a tag, in the request and in every policy.
 */
const withContexts = <Kind>(value: Kind): Kind =>
  JSON.parse(
    JSON.stringify(value).replace(/kms:EncryptionContext:([\w:]+)/g, (_, name: string) => `aws:RequestTag/${name.replaceAll(':', '.')}`),
  ) as Kind

/** `undefined` when IAM answers as the case says; else what it answered. Throws nothing: a case that cannot be put is a problem too. */
export const problemOf = async (world: World, asked: Case): Promise<string | undefined> => {
  const { who, may, action, on, where, owner } = asked
  const { actor: found, resourcePolicy } = decidersOf(world, asked)
  const actor = found && withContexts(found)
  if (actor === undefined) return `the template has no ${who}`
  const usual: Record<string, string> = {
    'aws:CurrentTime': NOW,
    'aws:SecureTransport': 'true',
    'aws:ResourceAccount': owner,
    ...(isService(actor) ? {} : { 'aws:PrincipalArn': actor.arn, 'aws:PrincipalAccount': accountOf(actor) }),
  }
  const wildcardOnly = await isWildcardOnlyAction(...(action.split(':') as [string, string]))
  const answer = await runSimulation(
    {
      request: {
        principal: actor.arn,
        action,
        resource: { resource: wildcardOnly ? '*' : on, accountId: owner },
        contextVariables: { ...usual, ...withContexts(where) },
      },
      identityPolicies: actor.identity.map((policy, index) => ({ name: `policy ${index}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(resourcePolicy === undefined ? {} : { resourcePolicy: withContexts(resourcePolicy) }),
      ...(actor.boundary === undefined ? {} : { permissionBoundaryPolicies: [{ name: 'boundary', policy: actor.boundary }] }),
    },
    {},
  )
  if (answer.resultType === 'error') return `the simulator refuses the request: ${JSON.stringify(answer.errors)}`
  if (answer.resultType === 'single') {
    // A key that the action does not know would let a case be right for a wrong reason.
    const ignored = Object.keys(withContexts(where)).filter((key) => answer.result.ignoredContextKeys?.includes(key))
    if (ignored.length > 0) return `${action} knows no ${ignored.join(', ')}`
  }
  const allowed = answer.overallResult === 'Allowed'
  return allowed === may ? undefined : `IAM says ${answer.overallResult}`
}

/** The bucket of an object, since a bucket's policy guards both. */
const policyKey = (on: string): string => (on.startsWith('arn:aws:s3:::') ? on.split('/')[0]! : on)

export const titleOf = ({ who, may, action, on, where, why }: Case): string => {
  const context = Object.entries(where).map(([key, value]) => `${key}=${value}`)
  return `${who} ${may ? 'may' : 'may not'} ${action} on ${on}${context.length === 0 ? '' : ` (${context.join(', ')})`}${why === '' ? '' : `: ${why}`}`
}

import type { CreateRoleCommandInput, Role } from '@aws-sdk/client-iam'
import type { Migration } from '../domain/migration'
import { rolePath, RUN_TAG, STAGE_TAG, useName, type Use } from './names'
import type { AwsContext } from './options'
import { samePolicy, type Policy } from './policy'
import { CLOSING_MS, trustPolicy, verifyPolicy, writePolicy, type Rights } from './role-policy'

/** In seconds: the least IAM allows, and the most a role that assumes another one gets in any case (STS, role chaining). */
const MAX_SESSION_SECONDS = 3600

/** What a run asks of one of its roles: made from its migration alone, so that what IAM keeps can be compared with it at any time. */
export const roleAsked = ({ options }: AwsContext, { runId, destination, carry, access }: Migration, use: Use) => {
  const expiresAt = new Date(access.expiresAt)
  const rights: Rights = {
    partition: options.partition,
    region: destination.region,
    account: destination.account ?? options.account,
    bucket: destination.bucket,
    prefix: destination.prefix,
    kmsKey: destination.kmsKey,
    carry,
    deleteMarkers: options.deleteMarkers,
    expiresAt,
  }
  const permissions: Policy = use === 'write' ? writePolicy(rights) : verifyPolicy(rights)
  const trust =
    use === 'write'
      ? trustPolicy(options.writeRoleTrusts, runId, new Date(expiresAt.getTime() + CLOSING_MS))
      : trustPolicy(options.verifyRoleTrusts, runId, expiresAt)
  const tags = { [RUN_TAG]: runId, [STAGE_TAG]: options.stage }
  const input: CreateRoleCommandInput = {
    RoleName: useName(runId, use),
    Path: rolePath(options.stage),
    PermissionsBoundary: options.boundaryArn,
    AssumeRolePolicyDocument: JSON.stringify(trust),
    MaxSessionDuration: MAX_SESSION_SECONDS,
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  }
  return { input, trust, permissions }
}

const tagsOf = ({ Tags = [] }: Role): Map<string | undefined, string | undefined> => new Map(Tags.map(({ Key, Value }) => [Key, Value]))

/** Whether a role is this run's by path and tags: all that removing it goes by, since whatever else was changed has to go too. */
export const isRoleOf = ({ options }: AwsContext, { runId }: Migration, role: Role): boolean => {
  const tags = tagsOf(role)
  return role.Path === rolePath(options.stage) && tags.get(RUN_TAG) === runId && tags.get(STAGE_TAG) === options.stage
}

/** In what a role is not the one that was asked for, its permission policies apart. */
export const roleDifferences = (context: AwsContext, migration: Migration, use: Use, role: Role): string[] => {
  const { trust } = roleAsked(context, migration, use)
  return [
    ...(isRoleOf(context, migration, role) ? [] : ['its path or its tags']),
    ...(tagsOf(role).size === 2 ? [] : ['more or fewer tags']),
    ...(role.PermissionsBoundary?.PermissionsBoundaryArn === context.options.boundaryArn ? [] : ['its permissions boundary']),
    // IAM returns the document in RFC 3986 form.
    ...(samePolicy(trust, decodeURIComponent(role.AssumeRolePolicyDocument ?? '')) ? [] : ['its trust policy']),
    ...(role.MaxSessionDuration === MAX_SESSION_SECONDS ? [] : ['its session duration']),
  ]
}

import { ListRoleTagsCommand, paginateListRoles, type IAMClient } from '@aws-sdk/client-iam'
import { ask, tell } from './aws-call'
import { rolePath, RUN_TAG } from './names'

export interface TemporaryRole {
  name: string
  /** undefined: the role stands under our path without our tag, so no run of ours made it */
  runId: string | undefined
  createdAt: Date
}

/** Every role under a stage's path, for the sweep. ListRoles answers without tags, hence one more question a role. */
export const listTemporaryRoles = async (client: IAMClient, stage: string): Promise<TemporaryRole[]> => {
  const found = await tell('iam:ListRoles', async () => {
    const roles: { name: string; createdAt: Date }[] = []
    for await (const page of paginateListRoles({ client }, { PathPrefix: rolePath(stage) })) {
      for (const { RoleName, CreateDate } of page.Roles ?? []) roles.push({ name: RoleName ?? '', createdAt: CreateDate ?? new Date(0) })
    }
    return roles
  })
  const roles: TemporaryRole[] = []
  for (const role of found) {
    const tags = await ask('iam:ListRoleTags', ['NoSuchEntity'], () => client.send(new ListRoleTagsCommand({ RoleName: role.name })))
    // A role that went since it was listed needs no sweep.
    if (tags.refusal === undefined) roles.push({ ...role, runId: tags.value.Tags?.find(({ Key }) => Key === RUN_TAG)?.Value })
  }
  return roles
}

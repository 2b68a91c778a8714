import { ListRoleTagsCommand, paginateListRoles } from '@aws-sdk/client-iam'
import { GetScheduleCommand, paginateListSchedules } from '@aws-sdk/client-scheduler'
import type { Held } from '../domain/access'
import { ask, tell } from './aws-call'
import { rolePath, RUN_TAG } from './names'
import type { AwsContext } from './options'

/** Everything under the stage's role path and in its schedule group, and what each says of itself. Reads only. */
export const inventoryOf = ({ options, clients }: AwsContext) => {
  const roles = (): Promise<Held[]> =>
    tell('iam:ListRoles', async () => {
      const found: Held[] = []
      for await (const { Roles = [] } of paginateListRoles({ client: clients.iam }, { PathPrefix: rolePath(options.stage) }))
        for (const { RoleName: name = '' } of Roles) found.push({ kind: 'role', name })
      return found
    })

  const schedules = (): Promise<Held[]> =>
    tell('scheduler:ListSchedules', async () => {
      const found: Held[] = []
      const group = { GroupName: options.scheduleGroup }
      for await (const { Schedules = [] } of paginateListSchedules({ client: clients.scheduler }, group))
        for (const { Name: name = '' } of Schedules) found.push({ kind: 'schedule', name })
      return found
    })

  const taggedRun = async (RoleName: string): Promise<string | undefined> => {
    const { value } = await ask('iam:ListRoleTags', ['NoSuchEntity'], () => clients.iam.send(new ListRoleTagsCommand({ RoleName })))
    return value?.Tags?.find(({ Key }) => Key === RUN_TAG)?.Value
  }

  const runToClose = async (Name: string): Promise<string | undefined> => {
    const { value } = await ask('scheduler:GetSchedule', ['ResourceNotFoundException'], () =>
      clients.scheduler.send(new GetScheduleCommand({ Name, GroupName: options.scheduleGroup })),
    )
    return runIn(value?.Target?.Input)
  }

  return {
    inventory: async (): Promise<Held[]> => [...(await roles()), ...(await schedules())],
    ownerOf: ({ kind, name }: Held): Promise<string | undefined> => (kind === 'role' ? taggedRun(name) : runToClose(name)),
  }
}

/** The run id in a schedule's input, which anybody may have written. */
const runIn = (input: string | undefined): string | undefined => {
  try {
    const { migration } = JSON.parse(input ?? '') as { migration?: { runId?: unknown } }
    return typeof migration?.runId === 'string' ? migration.runId : undefined
  } catch {
    return undefined
  }
}

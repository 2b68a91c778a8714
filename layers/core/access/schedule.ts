import {
  CreateScheduleCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  type CreateScheduleCommandInput,
  type GetScheduleCommandOutput,
} from '@aws-sdk/client-scheduler'
import type { Observation } from '../domain/access'
import { AccessNotOpened } from '../domain/errors'
import type { Migration } from '../domain/migration'
import { answerOf, ask, doneBy } from './aws-call'
import { until } from './clock'
import { SETTLE_MS, type GrantLife } from './grant-life'
import { resourceName } from './names'
import type { AwsContext } from './options'

const GONE = ['ResourceNotFoundException']

/** The dead-man schedule: calls `cleanup` once, at the run's expiry, if nothing else has closed the run by then. */
export const scheduleLife = (context: AwsContext): GrantLife => {
  const { options, clients, clock } = context
  const addressOf = (migration: Migration) => ({ Name: resourceName(migration.runId), GroupName: options.scheduleGroup })
  const find = async (migration: Migration) =>
    ask('scheduler:GetSchedule', GONE, () => clients.scheduler.send(new GetScheduleCommand(addressOf(migration))))

  const observe = ({ runId }: Migration, call: string, answer: string, closed: boolean): Observation => ({
    kind: 'schedule',
    name: resourceName(runId),
    call,
    answer,
    closed,
    at: clock.now().toISOString(),
  })

  const confirm = async (migration: Migration): Promise<void> => {
    const problems = async (): Promise<string[]> => {
      const { value } = await find(migration)
      return value === undefined ? ['it does not exist'] : differences(scheduleOf(context, migration), value)
    }
    const found = await until(clock, SETTLE_MS, problems, ({ length }) => length === 0)
    if (found.length > 0)
      throw new AccessNotOpened(`schedule ${resourceName(migration.runId)} is not what was asked for: ${found.join(', ')}`)
  }

  return {
    async create(migration) {
      const { refusal } = await ask('scheduler:CreateSchedule', ['ConflictException'], () =>
        clients.scheduler.send(new CreateScheduleCommand(scheduleOf(context, migration))),
      )
      if (refusal !== undefined) await confirm(migration)
    },
    confirm,
    // A schedule writes nothing, and has to fire if Cleanup does not come to its end.
    suspend: async () => [],
    async remove(migration) {
      const { value, refusal } = await ask('scheduler:DeleteSchedule', GONE, () =>
        clients.scheduler.send(new DeleteScheduleCommand(addressOf(migration))),
      )
      return [observe(migration, 'scheduler:DeleteSchedule', refusal === undefined ? doneBy('deleted', value) : answerOf(refusal), true)]
    },
    async prove(migration) {
      const { refusal } = await until(
        clock,
        SETTLE_MS,
        () => find(migration),
        (reply) => reply.refusal !== undefined,
      )
      const answer = refusal === undefined ? 'it still exists' : answerOf(refusal)
      return [observe(migration, 'scheduler:GetSchedule', answer, refusal !== undefined)]
    },
  }
}

const scheduleOf = ({ options }: AwsContext, { runId, access }: Migration) =>
  ({
    Name: resourceName(runId),
    GroupName: options.scheduleGroup,
    ScheduleExpression: `at(${new Date(access.expiresAt).toISOString().slice(0, 19)})`,
    ScheduleExpressionTimezone: 'UTC',
    State: 'ENABLED',
    FlexibleTimeWindow: { Mode: 'OFF' },
    ActionAfterCompletion: 'DELETE',
    Target: {
      Arn: options.cleanupFunctionArn,
      RoleArn: options.deadManRoleArn,
      Input: JSON.stringify({ migration: { runId } }),
      // The most that Scheduler allows (API reference, RetryPolicy): this is the last one to call.
      RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
    },
  }) as const satisfies CreateScheduleCommandInput

/** The fields in which a schedule is not what was asked for. */
const differences = (asked: ReturnType<typeof scheduleOf>, found: GetScheduleCommandOutput): string[] => {
  const { Target: askedTarget, FlexibleTimeWindow: askedWindow, ...askedFields } = asked
  const { RetryPolicy: askedRetries, ...askedRest } = askedTarget
  return [
    ...unequal(askedFields, found),
    ...unequal(askedWindow, found.FlexibleTimeWindow),
    ...unequal(askedRest, found.Target),
    ...unequal(askedRetries, found.Target?.RetryPolicy),
  ]
}

const unequal = <Asked extends object>(asked: Asked, found: { [Field in keyof Asked]?: unknown } | undefined): string[] =>
  (Object.keys(asked) as (keyof Asked & string)[]).filter((field) => asked[field] !== found?.[field])

import type { Moto } from './moto'
import { callJson } from './moto-json'

const events = (moto: Moto, region: string, action: string, body: object): Promise<any> =>
  callJson(moto, region, 'events', `AWSEvents.${action}`, body)

/** Whether an event is one of a rule's, for patterns of nothing but lists of values. */
const matches = (pattern: unknown, event: unknown): boolean => {
  if (Array.isArray(pattern)) return pattern.includes(event)
  return Object.entries(pattern as object).every(([name, part]) => matches(part, (event as Record<string, unknown> | undefined)?.[name]))
}

/** What a rule's target is called with when an execution has changed its state; undefined: the rule does not want to know. */
export const callOfRule = async (
  moto: Moto,
  region: string,
  rule: string,
  detail: { executionArn: string; stateMachineArn: string; status: string },
): Promise<{ function: string; event: unknown } | undefined> => {
  const { EventPattern } = await events(moto, region, 'DescribeRule', { Name: rule })
  const event = { source: 'aws.states', 'detail-type': 'Step Functions Execution Status Change', detail }
  if (!matches(JSON.parse(EventPattern as string), event)) return undefined
  const { Targets } = await events(moto, region, 'ListTargetsByRule', { Rule: rule })
  const [{ Arn, InputTransformer }] = Targets
  const { InputPathsMap, InputTemplate } = InputTransformer as { InputPathsMap: Record<string, string>; InputTemplate: string }
  const input = Object.entries(InputPathsMap).reduce((text, [name, path]) => {
    const value = path
      .split('.')
      .slice(1)
      .reduce<any>((part, step) => part[step], event)
    return text.replaceAll(`<${name}>`, value as string)
  }, InputTemplate)
  return { function: Arn, event: JSON.parse(input) }
}

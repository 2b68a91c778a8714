import { checkRule } from './check-choice'
import {
  asInteger,
  asList,
  asObject,
  asText,
  checkPath,
  checkPathOrNull,
  checkPlain,
  checkResultPath,
  checkTemplate,
  inside,
  notBoth,
  only,
  refuse,
  type At,
  type Json,
} from './check-values'
import type { StateMachineDefinition } from './definition'
import {
  BRANCH_FIELDS,
  CATCHER_FIELDS,
  DEFINITION_FIELDS,
  ITEM_READER,
  MAX_TIMER_SECONDS,
  PROCESSOR_FIELDS,
  RESULT_WRITER,
  RETRIER_FIELDS,
  STATE_FIELDS,
  type StateKind,
} from './fields'

/** Names of the whole file: AWS wants state names unique in all of it, and Labels too. */
interface Seen {
  names: Set<string>
  labels: Set<string>
}

/** @throws UnsupportedDefinition naming the state and the field that this engine would not run as AWS does. */
export function checkDefinition(definition: unknown): asserts definition is StateMachineDefinition {
  const at = { state: 'definition', field: '' }
  const machine = asObject(definition, at)
  checkPlain(machine, at)
  only(machine, DEFINITION_FIELDS, at)
  if ('Version' in machine && machine.Version !== '1.0') refuse(inside(at, 'Version'), 'must be 1.0')
  if ('TimeoutSeconds' in machine) asInteger(machine.TimeoutSeconds, 1, 99_999_999, inside(at, 'TimeoutSeconds'))
  checkStates(machine, at, { names: new Set(), labels: new Set() })
}

const checkStates = (machine: Json, at: At, seen: Seen): void => {
  const states = asObject(machine.States, inside(at, 'States'))
  const start = asText(machine.StartAt, inside(at, 'StartAt'))
  if (!Object.hasOwn(states, start)) refuse(inside(at, 'StartAt'), `there is no state ${start} here`)
  for (const [name, state] of Object.entries(states)) {
    if (!/^[A-Za-z][A-Za-z0-9 _-]{0,79}$/.test(name))
      refuse(inside(inside(at, 'States'), name), 'is not a state name of at most 80 letters, digits, spaces, - and _')
    if (seen.names.has(name)) refuse({ state: name, field: 'name' }, 'occurs twice in the file')
    seen.names.add(name)
    checkState(asObject(state, { state: name, field: 'state' }), name, states, seen)
  }
}

const kindOf = (state: Json, at: At): StateKind => {
  const type = asText(state.Type, inside(at, 'Type'))
  if (type === 'Map') return processorMode(state, at) === 'DISTRIBUTED' ? 'DistributedMap' : 'InlineMap'
  if (['Task', 'Parallel', 'Choice', 'Pass', 'Wait', 'Succeed', 'Fail'].includes(type)) return type as StateKind
  return refuse(inside(at, 'Type'), `there is no state type ${type}`)
}

const processorMode = (state: Json, at: At): unknown => {
  const processor = asObject(state.ItemProcessor, inside(at, 'ItemProcessor'))
  if (!('ProcessorConfig' in processor)) return 'INLINE'
  return asObject(processor.ProcessorConfig, inside(at, 'ItemProcessor.ProcessorConfig')).Mode
}

const checkState = (state: Json, name: string, siblings: Json, seen: Seen): void => {
  const at = { state: name, field: '' }
  const kind = kindOf(state, at)
  only(state, STATE_FIELDS[kind], at)
  for (const [field, value] of Object.entries(state)) CHECKS[field]?.(value, inside(at, field), siblings)
  if ((STATE_FIELDS[kind] as readonly string[]).includes('End')) checkEnd(state, at)
  PER_KIND[kind]?.(state, at, seen, siblings)
}

const checkEnd = (state: Json, at: At): void => {
  if ('End' in state && state.End !== true) refuse(inside(at, 'End'), 'must be true')
  if ('Next' in state === 'End' in state) refuse(inside(at, 'Next'), 'must stand here, or else End: true, and not both')
}

const checkNext = (value: unknown, at: At, siblings: Json): void => {
  const next = asText(value, at)
  if (!Object.hasOwn(siblings, next)) refuse(at, `there is no state ${next} here`)
}

/** States.TaskFailed is refused: the library would let it match what it does not on AWS, since it sees our Maps as Tasks. */
const checkErrorEquals = (value: unknown, at: At, last: boolean): void => {
  const names = asList(value, at)
  if (names.length === 0) refuse(at, 'must not be empty')
  names.forEach((name, index) => asText(name, inside(at, index)))
  if (names.includes('States.TaskFailed')) refuse(at, 'States.TaskFailed is not run; name the errors')
  if (names.includes('States.ALL') && (names.length > 1 || !last)) refuse(at, 'States.ALL must stand alone and last')
}

const checkRetry = (value: unknown, at: At): void => {
  const retriers = asList(value, at)
  retriers.forEach((each, index) => {
    const here = inside(at, index)
    const retrier = asObject(each, here)
    only(retrier, RETRIER_FIELDS, here)
    checkErrorEquals(retrier.ErrorEquals, inside(here, 'ErrorEquals'), index === retriers.length - 1)
    if ('IntervalSeconds' in retrier) asInteger(retrier.IntervalSeconds, 1, MAX_TIMER_SECONDS, inside(here, 'IntervalSeconds'))
    if ('MaxAttempts' in retrier) asInteger(retrier.MaxAttempts, 0, 99_999_999, inside(here, 'MaxAttempts'))
    if ('MaxDelaySeconds' in retrier) asInteger(retrier.MaxDelaySeconds, 1, MAX_TIMER_SECONDS, inside(here, 'MaxDelaySeconds'))
    if ('BackoffRate' in retrier && !(Number(retrier.BackoffRate) >= 1)) refuse(inside(here, 'BackoffRate'), 'must be 1 or more')
    if ('JitterStrategy' in retrier && !['FULL', 'NONE'].includes(retrier.JitterStrategy as string))
      refuse(inside(here, 'JitterStrategy'), 'must be FULL or NONE')
  })
}

const checkCatch = (value: unknown, at: At, siblings: Json): void => {
  const catchers = asList(value, at)
  catchers.forEach((each, index) => {
    const here = inside(at, index)
    const catcher = asObject(each, here)
    only(catcher, CATCHER_FIELDS, here)
    checkErrorEquals(catcher.ErrorEquals, inside(here, 'ErrorEquals'), index === catchers.length - 1)
    if ('ResultPath' in catcher) checkResultPath(catcher.ResultPath, inside(here, 'ResultPath'))
    checkNext(catcher.Next, inside(here, 'Next'), siblings)
  })
}

const checkTolerance: (most: number) => (value: unknown, at: At) => void = (most) => (value, at) => void asInteger(value, 0, most, at)

/** By field, wherever it stands. A field without an entry is checked in PER_KIND, or is any JSON (Comment, Result). */
const CHECKS: Readonly<Record<string, (value: unknown, at: At, siblings: Json) => void>> = {
  InputPath: checkPathOrNull,
  OutputPath: checkPathOrNull,
  ResultPath: checkResultPath,
  Parameters: (value, at) => checkTemplate(value, at),
  ResultSelector: (value, at) => checkTemplate(value, at),
  ItemSelector: (value, at) => checkTemplate(value, at, true),
  Next: checkNext,
  Default: checkNext,
  Retry: checkRetry,
  Catch: checkCatch,
  TimeoutSeconds: (value, at) => void asInteger(value, 1, 99_999_999, at),
  MaxConcurrency: (value, at) => void asInteger(value, 0, Number.MAX_SAFE_INTEGER, at),
  MaxConcurrencyPath: checkPath,
  ItemsPath: checkPath,
  ToleratedFailureCount: checkTolerance(Number.MAX_SAFE_INTEGER),
  ToleratedFailureCountPath: checkPath,
  ToleratedFailurePercentage: checkTolerance(100),
  ToleratedFailurePercentagePath: checkPath,
  Error: (value, at) => void asText(value, at),
  ErrorPath: checkPath,
  Cause: (value, at) => void asText(value, at),
  CausePath: checkPath,
}

const checkResource = (state: Json, at: At): void => {
  const here = inside(at, 'Resource')
  const resource = asObject(state.Resource, here)
  only(resource, ['Ref'], here)
  asText(resource.Ref, inside(here, 'Ref'))
}

const checkBranches = (state: Json, at: At, seen: Seen): void => {
  const branches = asList(state.Branches, inside(at, 'Branches'))
  if (branches.length === 0) refuse(inside(at, 'Branches'), 'must not be empty')
  branches.forEach((each, index) => {
    const here = inside(inside(at, 'Branches'), index)
    const branch = asObject(each, here)
    only(branch, BRANCH_FIELDS, here)
    checkStates(branch, here, seen)
  })
}

const checkProcessor = (state: Json, at: At, seen: Seen, config: Json): void => {
  const here = inside(at, 'ItemProcessor')
  const processor = asObject(state.ItemProcessor, here)
  only(processor, PROCESSOR_FIELDS, here)
  const given = asObject(processor.ProcessorConfig ?? { Mode: 'INLINE' }, inside(here, 'ProcessorConfig'))
  only(given, Object.keys(config), inside(here, 'ProcessorConfig'))
  for (const [field, value] of Object.entries(config)) {
    if (given[field] !== value) refuse(inside(here, `ProcessorConfig.${field}`), `must be ${value}`)
  }
  notBoth(state, 'MaxConcurrency', 'MaxConcurrencyPath', at)
  checkStates(processor, here, seen)
}

const checkDistributedMap = (state: Json, at: At, seen: Seen): void => {
  checkProcessor(state, at, seen, { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' })
  checkLabel(state, at, seen)
  const reader = checkIntegration(state, 'ItemReader', ITEM_READER, at)
  const asked = asObject(reader.Parameters, inside(at, 'ItemReader.Parameters'))
  only(asked, ['Bucket', 'Bucket.$', 'Prefix', 'Prefix.$'], inside(at, 'ItemReader.Parameters'))
  for (const field of ['Bucket', 'Prefix']) {
    notBoth(asked, field, `${field}.$`, inside(at, 'ItemReader.Parameters'))
    asText(asked[field] ?? asked[`${field}.$`], inside(at, `ItemReader.Parameters.${field}`))
  }
  checkTemplate(asked, inside(at, 'ItemReader.Parameters'))
  // A ResultWriter elsewhere than at a fixed place is not portable, and without one the children's outputs are bound to 256 KiB.
  const writer = checkIntegration(state, 'ResultWriter', RESULT_WRITER, at)
  const place = asObject(writer.Parameters, inside(at, 'ResultWriter.Parameters'))
  only(place, ['Bucket', 'Prefix'], inside(at, 'ResultWriter.Parameters'))
  for (const field of ['Bucket', 'Prefix']) asText(place[field], inside(at, `ResultWriter.Parameters.${field}`))
  notBoth(state, 'ToleratedFailureCount', 'ToleratedFailureCountPath', at)
  notBoth(state, 'ToleratedFailurePercentage', 'ToleratedFailurePercentagePath', at)
}

const checkIntegration = (state: Json, field: string, resource: string, at: At): Json => {
  const here = inside(at, field)
  const integration = asObject(state[field], here)
  only(integration, ['Resource', 'Parameters'], here)
  if (integration.Resource !== resource) refuse(inside(here, 'Resource'), `must be ${resource}`)
  return integration
}

const checkLabel = (state: Json, at: At, seen: Seen): void => {
  if (!('Label' in state)) return
  const here = inside(at, 'Label')
  const label = asText(state.Label, here)
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(label)) refuse(here, 'must be at most 40 letters, digits, - and _')
  if (seen.labels.has(label)) refuse(here, `${label} occurs twice in the file`)
  seen.labels.add(label)
}

const checkChoices = (state: Json, at: At, siblings: Json): void => {
  const rules = asList(state.Choices, inside(at, 'Choices'))
  if (rules.length === 0) refuse(inside(at, 'Choices'), 'must not be empty')
  rules.forEach((rule, index) => {
    const here = inside(inside(at, 'Choices'), index)
    checkRule(rule, here, true)
    checkNext(asObject(rule, here).Next, inside(here, 'Next'), siblings)
  })
}

const checkFail = (state: Json, at: At): void => {
  notBoth(state, 'Error', 'ErrorPath', at)
  notBoth(state, 'Cause', 'CausePath', at)
  if (!('Error' in state) && !('ErrorPath' in state)) refuse(inside(at, 'Error'), 'must stand here; the library would make one up')
}

/** The library drops a Result that JavaScript takes for false. */
const checkPass = (state: Json, at: At): void => {
  if ('Result' in state && !state.Result) refuse(inside(at, 'Result'), 'null, false, 0 and "" are not run')
}

const checkWait = (state: Json, at: At): void => {
  notBoth(state, 'Seconds', 'SecondsPath', at)
  if ('SecondsPath' in state) checkPath(state.SecondsPath, inside(at, 'SecondsPath'))
  else asInteger(state.Seconds, 0, MAX_TIMER_SECONDS, inside(at, 'Seconds'))
}

const PER_KIND: Readonly<Partial<Record<StateKind, (state: Json, at: At, seen: Seen, siblings: Json) => void>>> = {
  Task: checkResource,
  Parallel: checkBranches,
  InlineMap: (state, at, seen) => checkProcessor(state, at, seen, { Mode: 'INLINE' }),
  DistributedMap: checkDistributedMap,
  Choice: (state, at, _seen, siblings) => checkChoices(state, at, siblings),
  Pass: checkPass,
  Wait: checkWait,
  Fail: checkFail,
}

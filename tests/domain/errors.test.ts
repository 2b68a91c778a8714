import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'
import * as errors from '../../layers/core/domain/errors'

interface State {
  Type: string
  Retry?: { ErrorEquals: string[] }[]
  Catch?: { ErrorEquals: string[] }[]
  Branches?: { States: Record<string, State> }[]
  ItemProcessor?: { States: Record<string, State> }
}

type ErrorClass = new (...args: unknown[]) => Error & { retryable: boolean }

const asl = readFileSync(join(import.meta.dirname, '../../statemachines/migrate.asl.yml'), 'utf8')
const machineOf = (text: string): Record<string, State> => (load(text) as { States: Record<string, State> }).States

/** Every state at every depth, by its name: names are unique in a state machine. */
const allStates = (states: Record<string, State>): [string, State][] =>
  Object.entries(states).flatMap(([name, state]) => [
    [name, state] as [string, State],
    ...(state.Branches ?? []).flatMap((branch) => allStates(branch.States)),
    ...allStates(state.ItemProcessor?.States ?? {}),
  ])

const classes = Object.entries<unknown>(errors).filter(
  (entry): entry is [string, ErrorClass] => typeof entry[1] === 'function' && entry[1].prototype instanceof errors.DrayageError,
)

/** One of each class, made with what its constructor wants. */
const instanceOf = (Class: ErrorClass): Error & { retryable: boolean } =>
  (Class as unknown) === errors.InvalidRequest ? new Class(['words']) : new Class('words')

const SERVICE_ERRORS = /^(States|Lambda|Sandbox|Runtime)\./

/** What is wrong between the names that the state machine waits for and the classes that are thrown. */
const problemsOf = (states: Record<string, State>, thrown: Map<string, { retryable: boolean }>): string[] => {
  const problems: string[] = []
  const retryable = [...thrown].filter(([, error]) => error.retryable).map(([name]) => name)
  for (const [state, { Type, Retry = [], Catch = [] }] of allStates(states)) {
    const ours = (handlers: { ErrorEquals: string[] }[]): string[] =>
      handlers.flatMap((handler) => handler.ErrorEquals).filter((name) => !SERVICE_ERRORS.test(name))
    for (const name of [...ours(Retry), ...ours(Catch)])
      if (!thrown.has(name)) problems.push(`${state} waits for ${name}, which nothing throws`)
    const retried = ours(Retry)
    for (const name of retried) if (thrown.get(name)?.retryable === false) problems.push(`${state} retries ${name}, which is not retryable`)
    if (Type === 'Task' && retried.length > 0)
      for (const name of retryable) if (!retried.includes(name)) problems.push(`${state} does not retry ${name}`)
  }
  return problems
}

const thrown = new Map<string, { retryable: boolean }>(classes.map(([name, Class]) => [name, instanceOf(Class)]))

describe('error names', () => {
  it.each(classes)('%s: the name that Step Functions sees is the name of the export', (name, Class) => {
    expect(Class.name).toBe(name)
    expect(instanceOf(Class).name).toBe(name)
    expect(errors.errorName(instanceOf(Class))).toBe(name)
  })

  it('are those of the state machine, and its Retry lists are the retryable ones', () => {
    expect(problemsOf(machineOf(asl), thrown)).toEqual([])
  })

  it('are looked for in every Task, nested ones included', () => {
    const tasks = allStates(machineOf(asl)).filter(([, state]) => state.Type === 'Task')
    expect(tasks.map(([name]) => name).sort()).toEqual(
      [
        ...['ValidateRequest', 'OpenAccess', 'Preflight', 'ListSource', 'Estimate', 'RestoreArchived', 'CopyBatch', 'BeginUpload'],
        ...['CopyPartGroup', 'CompleteUpload', 'VerifyBatch', 'Reconcile', 'Cleanup', 'WriteReport'],
      ].sort(),
    )
    // Every one goes on after a lost call.
    expect(tasks.filter(([, { Retry }]) => Retry?.some(({ ErrorEquals }) => ErrorEquals.includes('StoreUnavailable'))).length).toBe(14)
  })
})

describe('the check itself', () => {
  const planted = (from: RegExp, to: string): string[] => {
    const text = asl.replace(from, to)
    expect(text).not.toBe(asl)
    return problemsOf(machineOf(text), thrown)
  }

  it('sees a name that no class has', () => {
    expect(planted(/StoreThrottled, Sandbox/, 'StoreThrotled, StoreThrottled, Sandbox')).toContain(
      'CopyPartGroup waits for StoreThrotled, which nothing throws',
    )
  })

  it('sees a retryable class that is missing', () => {
    expect(planted(/StoreThrottled, Sandbox/, 'Sandbox')).toContain('CopyBatch does not retry StoreThrottled')
  })

  it('sees a retry of what can only fail again', () => {
    expect(planted(/StoreThrottled, Sandbox/, 'StoreThrottled, AccessDenied, Sandbox')).toContain(
      'ListSource retries AccessDenied, which is not retryable',
    )
  })

  it('sees an unknown name in a Catch', () => {
    expect(planted(/States\.ALL(?=\] {8}# its own name)/, 'BooksBroken')).toContain('Reconcile waits for BooksBroken, which nothing throws')
  })

  it('sees a new retryable class that no Task retries', () => {
    expect(problemsOf(machineOf(asl), new Map([...thrown, ['StoreBusy', { retryable: true }]]))).toContain(
      'VerifyBatch does not retry StoreBusy',
    )
  })
})

import { tasks } from '../../functions/index'
import { definition } from './harness'

interface State {
  Type: string
  Resource?: { Ref: string }
  ResultPath?: string | null
  ResultSelector?: Record<string, unknown>
  Branches?: { States: Record<string, State> }[]
  ItemProcessor?: { States: Record<string, State> }
}

const statesOf = (states: Record<string, State>): State[] =>
  Object.values(states).flatMap((state) => [
    state,
    ...(state.Branches ?? []).flatMap((branch) => statesOf(branch.States)),
    ...(state.ItemProcessor ? statesOf(state.ItemProcessor.States) : []),
  ])

/** Every path that a state reads ($.listing.more), apart from whole results, the context object and what the catches put there. */
const readPaths = (state: unknown): string[] => {
  if (typeof state !== 'object' || state === null) return []
  return Object.entries(state).flatMap(([name, value]) =>
    typeof value === 'string' && value.startsWith('$.') && !['ResultPath', 'InputPath', 'OutputPath'].includes(name)
      ? [value]
      : readPaths(value),
  )
}

/** Where each function's answer lands; ValidateRequest's becomes $.migration. */
const answers = (states: readonly State[]): Map<string, string> =>
  new Map(
    states.flatMap(({ Resource, ResultPath, ResultSelector }): [string, string][] => {
      if (!Resource) return []
      if (ResultSelector) return [['$.migration', Resource.Ref]]
      return ResultPath ? [[ResultPath, Resource.Ref]] : []
    }),
  )

const unasserted = (states: readonly State[], shapes: Readonly<Record<string, { shape: object }>>): string[] => {
  const landing = answers(states)
  return [...new Set(states.flatMap(readPaths))].filter((path) => {
    for (const [at, task] of landing) if (path.startsWith(`${at}.`)) return !Object.hasOwn(shapes[task]!.shape, path.slice(at.length + 1))
    return false
  })
}

const states = statesOf(definition().States as unknown as Record<string, State>)

test('every value that a Choice or a Path reads is asserted by the function that returns it', () => {
  expect(unasserted(states, tasks)).toEqual([])
})

test('the check finds an answer that nobody asserts', () => {
  const without = { ...tasks, listSource: { shape: { batches: 'integer', large: 'integer', archived: 'integer' } } }
  expect(unasserted(states, without)).toEqual(['$.listing.more'])
})

test('every Task of the file has a function, and every function a Task', () => {
  expect(states.flatMap(({ Resource }) => (Resource ? [Resource.Ref] : [])).sort()).toEqual(Object.keys(tasks).sort())
})

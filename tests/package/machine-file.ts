import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'

interface State {
  Type?: string
  Resource?: { Ref?: string }
  TimeoutSeconds?: number
  Retry?: { ErrorEquals: string[] }[]
}

const walk = (value: unknown, visit: (name: string, state: State) => void): void => {
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value)) {
    if ((inner as State | null)?.Type === 'Task') visit(name, inner as State)
    walk(inner, visit)
  }
}

export interface Task {
  state: string
  /** the key of serverless.yml's functions that it calls */
  calls: string | undefined
  timeoutSeconds: number | undefined
  retried: string[]
}

/** The Task states of statemachines/migrate.asl.yml, at any depth. */
export const tasks = (): Task[] => {
  const found: Task[] = []
  walk(load(readFileSync('statemachines/migrate.asl.yml', 'utf8')), (state, { Resource, TimeoutSeconds, Retry }) =>
    found.push({
      state,
      calls: Resource?.Ref,
      timeoutSeconds: TimeoutSeconds,
      retried: (Retry ?? []).flatMap(({ ErrorEquals }) => ErrorEquals),
    }),
  )
  return found
}

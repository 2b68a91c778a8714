import type { EngineOptions } from './engine'
import { runtimeError } from './errors'

/**
 * How many at once: what the Map asks (0: no limit of its own), what its kind of Map can keep going, what this machine can.
 * @throws States.Runtime unless `asked` is an integer of 0 or more.
 */
export const limitOf = (asked: unknown, most: number, { maxConcurrency }: EngineOptions): number => {
  if (!Number.isSafeInteger(asked) || (asked as number) < 0)
    throw runtimeError(`MaxConcurrency is ${JSON.stringify(asked)}, not an integer of 0 or more.`)
  return Math.max(1, Math.min(asked === 0 ? most : (asked as number), most, maxConcurrency))
}

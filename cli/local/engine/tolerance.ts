import { runtimeError } from './errors'

/** How many children of a Distributed Map may fail. With neither, none may. */
export interface Tolerance {
  count?: number | undefined
  /** 0 to 100 */
  percentage?: number | undefined
}

/** @throws States.Runtime unless both are integers, of at most 100 for the percentage: AWS asks for that of a path's value. */
export const toleranceOf = (count: unknown, percentage: unknown): Tolerance => ({
  count: count === undefined ? undefined : integer(count, Number.MAX_SAFE_INTEGER, 'ToleratedFailureCount'),
  percentage: percentage === undefined ? undefined : integer(percentage, 100, 'ToleratedFailurePercentage'),
})

const integer = (value: unknown, most: number, field: string): number => {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > most) {
    throw runtimeError(`${field} is ${JSON.stringify(value)}, not an integer from 0 to ${most}.`)
  }
  return value as number
}

/** Whether `failed` children are too many. While the reader still reads, `total` is not known, and of a percentage only 0 can be exceeded. */
export const isExceeded = (failed: number, total: number | undefined, { count, percentage }: Tolerance): boolean => {
  if (failed === 0) return false
  if (count === undefined && percentage === undefined) return true
  if (count !== undefined && failed > count) return true
  if (percentage === undefined) return false
  return percentage === 0 || (total !== undefined && failed * 100 > percentage * total)
}

import { beginsWith, charactersOf, GlobProblem, matchesGlob, parseGlob, type Glob } from './glob'
import type { Selection } from './migration'
import type { ExcludedBy, ShardObject } from './shards'

/** A selection as it is asked for: a time may also be an age, as in `30d`. */
export type AskedSelection = Selection

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** Whether the calendar has this day: Date.parse takes 2026-02-31 for a day in March. */
const isDay = (text: string): boolean => {
  const date = text.slice(0, 10)
  const ms = Date.parse(date)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date)
}

/** A date, a time with its zone, or an age counted back from `now`, in ms since 1970; undefined: there is no such moment. */
const momentOf = (text: string, now: Date): number | undefined => {
  const age = /^(\d+)([smhdw])$/.exec(text)
  if (age !== null) return now.getTime() - Number(age[1]) * UNITS_MS[age[2] as keyof typeof UNITS_MS]
  const ms = isDay(text) ? Date.parse(text) : NaN
  return Number.isNaN(ms) ? undefined : ms
}

const frozen = (text: string | null, now: Date): string | null => {
  const ms = text === null ? undefined : momentOf(text, now)
  return ms === undefined ? null : new Date(ms).toISOString()
}

/** The selection as it is frozen: ages have become times. Call it once `selectionProblems` has found none. */
export const selectionOf = (asked: AskedSelection, now: Date): Selection => ({
  ...asked,
  modifiedSince: frozen(asked.modifiedSince, now),
  modifiedBefore: frozen(asked.modifiedBefore, now),
})

const quoted = (text: string): string => JSON.stringify(text)

const globProblems = ({ include, exclude }: AskedSelection, sourcePrefix: string): string[] => {
  const problems: string[] = []
  const parsed = (field: 'include' | 'exclude', text: string): Glob[] => {
    try {
      return [parseGlob(text)]
    } catch (error) {
      if (!(error instanceof GlobProblem)) throw error
      problems.push(`selection.${field}: glob ${quoted(text)}, column ${error.column}: ${error.message}`)
      return []
    }
  }
  const included = include.flatMap((text) => parsed('include', text))
  for (const text of exclude) parsed('exclude', text)
  for (const text of new Set(include)) {
    if (exclude.includes(text)) problems.push(`selection.exclude: ${quoted(text)} is included too; leave one of the two out`)
  }
  const prefix = charactersOf(Buffer.from(sourcePrefix, 'utf8'))
  for (const { text, literal } of included) {
    if (beginsWith(literal, prefix) || beginsWith(prefix, literal)) continue
    problems.push(
      `selection.include: no key below source.prefix ${quoted(sourcePrefix)} can match ${quoted(text)}; a glob is matched with whole keys, so begin it with the prefix`,
    )
  }
  return problems
}

const momentProblems = (asked: AskedSelection, now: Date): string[] => {
  const problems: string[] = []
  for (const field of ['modifiedSince', 'modifiedBefore'] as const) {
    const text = asked[field]
    if (text !== null && momentOf(text, now) === undefined)
      problems.push(`selection.${field}: there is no moment ${text}; correct the date or its time`)
  }
  const since = asked.modifiedSince === null ? undefined : momentOf(asked.modifiedSince, now)
  const before = asked.modifiedBefore === null ? undefined : momentOf(asked.modifiedBefore, now)
  if (since !== undefined && before !== undefined && since >= before)
    problems.push(
      `selection.modifiedBefore: ${asked.modifiedBefore} is not after selection.modifiedSince (${asked.modifiedSince}), so no object is between them; swap them, or leave one out`,
    )
  return problems
}

const FILTERS = ['include', 'exclude', 'minBytes', 'maxBytes', 'modifiedSince', 'modifiedBefore'] as const

const listProblems = (asked: AskedSelection): string[] => {
  if (asked.failuresOf === null) return []
  const problems = asked.keys === null ? [] : ['selection.keys: stands beside selection.failuresOf; leave one of the two out']
  for (const field of FILTERS) {
    const value = asked[field]
    if (value === null || (Array.isArray(value) && value.length === 0)) continue
    problems.push(`selection.${field}: stands beside selection.failuresOf, whose run has made its own selection; leave it out`)
  }
  return problems
}

/** What contradicts itself in a selection, or is none, a line per problem: `selection.FIELD: what is wrong; what to do`. */
export const selectionProblems = (asked: AskedSelection, sourcePrefix: string, now: Date): string[] => {
  const { minBytes, maxBytes } = asked
  const sizes =
    minBytes !== null && maxBytes !== null && minBytes > maxBytes
      ? [
          `selection.maxBytes: ${maxBytes} is below selection.minBytes (${minBytes}), so no object is between them; swap them, or leave one out`,
        ]
      : []
  return [...globProblems(asked, sourcePrefix), ...sizes, ...momentProblems(asked, now), ...listProblems(asked)]
}

interface Compiled {
  include: readonly Glob[]
  exclude: readonly Glob[]
  /** ms since 1970 */
  since: number
  before: number
}

/** Globs are parsed once per selection, however many objects are asked after. */
const compiled = new WeakMap<Selection, Compiled>()

const compiledOf = (selection: Selection): Compiled => {
  const known = compiled.get(selection)
  if (known !== undefined) return known
  const { include, exclude, modifiedSince, modifiedBefore } = selection
  const made = {
    include: include.map(parseGlob),
    exclude: exclude.map(parseGlob),
    since: modifiedSince === null ? -Infinity : Date.parse(modifiedSince),
    before: modifiedBefore === null ? Infinity : Date.parse(modifiedBefore),
  }
  compiled.set(selection, made)
  return made
}

/** What of an object a selection looks at. */
type Selectable = Pick<ShardObject, 'key' | 'size' | 'lastModified' | 'deleteMarker' | 'absent'>

/**
 * What leaves an object out, the first of these; undefined: it is migrated.
 *
 *   there are includes, and none matches its key              → include
 *   an exclude matches its key                                → exclude
 *   fewer bytes than minBytes or more than maxBytes           → size; a delete marker has no size
 *   before modifiedSince, or not before modifiedBefore        → age
 *
 * Of what a list names and the source does not have only the key is known: size and age leave it in. So does a Last-Modified that is
 * no date: an object is left out by what is known of it, never by doubt.
 */
export const excludedBy = (selection: Selection, { key, size, lastModified, deleteMarker, absent }: Selectable): ExcludedBy | undefined => {
  const { minBytes, maxBytes } = selection
  const { include, exclude, since, before } = compiledOf(selection)
  if (include.length > 0 || exclude.length > 0) {
    const characters = charactersOf(key)
    if (include.length > 0 && !include.some((glob) => matchesGlob(glob, characters))) return 'include'
    if (exclude.some((glob) => matchesGlob(glob, characters))) return 'exclude'
  }
  if (absent) return undefined
  if (!deleteMarker && (size < (minBytes ?? 0) || size > (maxBytes ?? Infinity))) return 'size'
  const at = Date.parse(lastModified)
  return at < since || at >= before ? 'age' : undefined
}

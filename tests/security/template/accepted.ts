import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gateOf, type Gate } from '../gate'
import { textOf, type Finding } from './finding'

/** A finding that somebody has looked at and lives with, for a reason, until a day. */
export interface Accepted extends Finding {
  reason: string
  /** YYYY-MM-DD: from this day on it must be looked at again */
  expires: string
}

export const FILE = 'tests/security/accepted.json'

export const readAccepted = (): Accepted[] => JSON.parse(readFileSync(join(import.meta.dirname, '../accepted.json'), 'utf8')) as Accepted[]

const same = (one: Finding, other: Finding): boolean => one.rule === other.rule && one.resource === other.resource

export const unaccepted = (findings: readonly Finding[], accepted: readonly Accepted[]): Finding[] =>
  findings.filter((finding) => !accepted.some((entry) => same(entry, finding)))

/** `judged`: rules that were asked at all; of the others nobody knows whether their entries are stale. */
export interface Judged {
  findings: readonly Finding[]
  judged: ReadonlySet<string>
}

/** Holds the list of accepted findings against what there is, on a day (YYYY-MM-DD). */
export const acceptedFindings = (accepted: readonly Accepted[], { findings, judged }: Judged, today: string): Gate => {
  const malformed = accepted.filter(({ reason, expires }) => !/\S/.test(reason ?? '') || !/^\d{4}-\d\d-\d\d$/.test(expires ?? ''))
  const fresh = [...new Set(unaccepted(findings, accepted).map(textOf))]
  const stale = accepted.filter((entry) => judged.has(entry.rule) && !findings.some((finding) => same(entry, finding)))
  const expired = accepted.filter(({ expires }) => expires <= today)
  const twice = accepted.filter((entry, index) => accepted.findIndex((other) => same(entry, other)) !== index)
  const gate = gateOf('accepted', [
    { title: 'new', problems: fresh.map((text) => `${text} is not in ${FILE}: mend it, or add it with a reason and a day`) },
    { title: 'stale', problems: stale.map((entry) => `${textOf(entry)} is found no more: remove it from ${FILE}`) },
    { title: 'expired', problems: expired.map((entry) => `${textOf(entry)} was accepted until ${entry.expires}: look at it again`) },
    {
      title: 'form',
      problems: [...malformed, ...twice].map((entry) => `${textOf(entry)} needs a reason, a day as YYYY-MM-DD and to be there once`),
    },
  ])
  return { ...gate, notes: [`${accepted.length} (new ${fresh.length}, stale ${stale.length}, expired ${expired.length})`] }
}

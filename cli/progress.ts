import type { OutcomeName } from '@drayage/core'
import { bytesText, count, counted, durationText } from './units'

/** What a run tells of itself while it goes. */
export type RunEvent =
  | { kind: 'state'; name: string }
  /** one page of the source's listing */
  | { kind: 'page'; objects: number; bytes: number }
  /** totals of the listing as ListSource answered them, bytes without what is excluded; `done`: the listing is complete */
  | { kind: 'listed'; objects: number; excluded: number; bytes: number; done: boolean }
  /** what RestoreArchived saw; `waitSeconds`: until its next look */
  | { kind: 'restoring'; ready: number; asked: number; waitSeconds: number }
  | { kind: 'outcome'; outcome: OutcomeName; bytes: number }
  | { kind: 'verified'; objects: number }

/** What is shown of a run. Changed only by `observed`. */
export interface Progress {
  /** ms since 1970, as all times here */
  startedAt: number
  state: string
  listed: { objects: number; excluded: number; bytes: number; done: boolean }
  /** archived objects; undefined: none is waited for. `nextLook`: when it is asked again whether they can be read */
  restoring: { ready: number; asked: number; nextLook: number } | undefined
  outcomes: Record<OutcomeName, number>
  /** bytes copied */
  bytes: number
  verified: number
  /** since when objects have had outcomes, and until when: what a rate is divided by */
  copyingSince: number | undefined
  copyingUntil: number | undefined
}

export const atStart = (now: number): Progress => ({
  startedAt: now,
  state: 'ValidateRequest',
  listed: { objects: 0, excluded: 0, bytes: 0, done: false },
  restoring: undefined,
  outcomes: { copied: 0, skipped: 0, changed: 0, failed: 0 },
  bytes: 0,
  verified: 0,
  copyingSince: undefined,
  copyingUntil: undefined,
})

/** The states of the file's main line, in order, and what each means to who watches. Choices and what stands inside a Map are not shown. */
export const STATES: Readonly<Record<string, string>> = {
  ValidateRequest: 'checking the request',
  OpenAccess: 'opening access',
  Preflight: 'trying both sides',
  ListSource: 'listing the source',
  Estimate: 'estimating',
  RestoreArchived: 'restoring archived objects',
  CopyObjects: 'copying',
  VerifyBatches: 'verifying against the destination',
  Reconcile: 'adding up the books',
  Cleanup: 'ending access',
  WriteReport: 'writing the report',
}

export const observed = (progress: Progress, event: RunEvent, now: number): Progress => {
  switch (event.kind) {
    case 'state': {
      if (!Object.hasOwn(STATES, event.name)) return progress
      const copying = event.name === 'CopyObjects' ? { copyingSince: progress.copyingSince ?? now } : {}
      const over = progress.state === 'CopyObjects' && event.name !== 'CopyObjects' ? { copyingUntil: now } : {}
      return { ...progress, state: event.name, ...copying, ...over }
    }
    case 'page': {
      if (progress.state !== 'ListSource') return progress
      const { objects, excluded, bytes } = progress.listed
      return { ...progress, listed: { objects: objects + event.objects, excluded, bytes: bytes + event.bytes, done: false } }
    }
    case 'listed': {
      const { objects, excluded, bytes, done } = event
      return { ...progress, listed: { objects, excluded, bytes, done } }
    }
    case 'restoring': {
      const { ready, asked, waitSeconds } = event
      return { ...progress, restoring: { ready, asked, nextLook: now + waitSeconds * 1000 } }
    }
    case 'outcome':
      return {
        ...progress,
        outcomes: { ...progress.outcomes, [event.outcome]: progress.outcomes[event.outcome] + 1 },
        bytes: progress.bytes + event.bytes,
      }
    case 'verified':
      return { ...progress, verified: progress.verified + event.objects }
  }
}

const decided = ({ outcomes }: Progress): number => outcomes.copied + outcomes.skipped + outcomes.changed + outcomes.failed

/** Objects that will have an outcome. */
const expected = ({ listed }: Progress): number => listed.objects - listed.excluded

/** Objects and bytes a second since copying began; undefined before its first second has passed: too little to go by. */
export const rates = (progress: Progress, now: number): { objects: number; bytes: number } | undefined => {
  if (progress.copyingSince === undefined) return undefined
  const seconds = ((progress.copyingUntil ?? now) - progress.copyingSince) / 1000
  return seconds < 1 ? undefined : { objects: decided(progress) / seconds, bytes: progress.bytes / seconds }
}

/** ms until every object that is not excluded has its outcome, at the rate so far; undefined while that is not known. */
export const remainingMs = (progress: Progress, now: number): number | undefined => {
  const rate = rates(progress, now)
  if (progress.state !== 'CopyObjects' || !progress.listed.done || rate === undefined || rate.objects === 0) return undefined
  return ((expected(progress) - decided(progress)) / rate.objects) * 1000
}

const bar = (share: number, width: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}

const BAR_WIDTH = 32

const amount = (progress: Progress): { done: number; of: number; verb: string } =>
  progress.state === 'VerifyBatches'
    ? { done: progress.verified, of: expected(progress), verb: 'verified' }
    : { done: decided(progress), of: expected(progress), verb: 'done' }

const position = (state: string): string => {
  const names = Object.keys(STATES)
  return `${names.indexOf(state) + 1} of ${names.length}`
}

const counts = ({ outcomes }: Progress): string =>
  (['copied', 'skipped', 'changed', 'failed'] as const)
    .filter((name) => name === 'copied' || name === 'failed' || outcomes[name] > 0)
    .map((name) => `${count(outcomes[name])} ${name}`)
    .join(', ')

const rateText = (progress: Progress, now: number): string | undefined => {
  const rate = rates(progress, now)
  return rate && `${count(rate.objects)} objects/s, ${(rate.bytes / 1e6).toFixed(1)} MB/s`
}

const clock = (time: number): string => {
  const at = new Date(time)
  return [at.getHours(), at.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':')
}

const restoringText = ({ state, restoring }: Progress, now: number): string | undefined => {
  if (state !== 'RestoreArchived' || restoring === undefined) return undefined
  const { ready, asked, nextLook } = restoring
  return `${count(ready)} of ${count(asked)} ready${nextLook > now ? `, next look at ${clock(nextLook)}` : ''}`
}

/** The block that a terminal shows and replaces. */
export const liveLines = (progress: Progress, now: number): string[] => {
  const lines = [`${progress.state} (${position(progress.state)}): ${STATES[progress.state]}`]
  const { done, of, verb } = amount(progress)
  const restored = restoringText(progress, now)
  if (restored !== undefined) {
    lines.push(restored)
  } else if (progress.listed.done && of > 0) {
    lines.push(`${bar(done / of, BAR_WIDTH)} ${count(done)} of ${counted(of, 'object')} ${verb}`)
  } else if (progress.listed.objects > 0) {
    lines.push(`${counted(progress.listed.objects, 'object')} listed, ${bytesText(progress.listed.bytes)}`)
  }
  if (decided(progress) > 0) {
    const rate = rateText(progress, now)
    lines.push(`${bytesText(progress.bytes)} of ${bytesText(progress.listed.bytes)}${rate ? `, ${rate}` : ''}`, counts(progress))
  }
  const left = remainingMs(progress, now)
  lines.push(`${durationText(now - progress.startedAt)} elapsed${left === undefined ? '' : `, about ${durationText(left)} left`}`)
  return lines
}

/** States of which the counts say how far they are. */
const COUNTED = ['ListSource', 'CopyObjects', 'VerifyBatches']

/** The same on one line, for logs and pipes. */
export const plainLine = (progress: Progress, now: number): string => {
  const parts = [`${durationText(now - progress.startedAt)} ${progress.state}: ${STATES[progress.state]}`]
  const restored = restoringText(progress, now)
  if (restored !== undefined) parts.push(restored)
  if (!COUNTED.includes(progress.state)) return parts.join(', ')
  const { done, of, verb } = amount(progress)
  if (progress.listed.objects > 0) {
    parts.push(
      progress.listed.done ? `${count(done)} of ${counted(of, 'object')} ${verb}` : `${counted(progress.listed.objects, 'object')} listed`,
    )
  }
  if (progress.state === 'CopyObjects' && decided(progress) > 0) {
    const rate = rateText(progress, now)
    parts.push(bytesText(progress.bytes), ...(rate === undefined ? [] : [rate]), counts(progress))
  }
  return parts.join(', ')
}

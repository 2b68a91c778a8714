import { z } from 'zod'
import { StateBroken } from './errors'

/** The Distributed Maps of the state machine, by their labels: a child of theirs is one shard's. */
export const FLEETS = ['CopyBatches', 'CopyLargeObjects', 'VerifyBatches'] as const
export type Fleet = (typeof FLEETS)[number]

/** What the state machine kept of its fleets: `{}` (nothing to do), a Map Run, or the error that ended it; undefined: not reached. */
export interface FleetEnds {
  copying?: readonly unknown[] | undefined
  verifying?: unknown
}

/** Where it stands how a fleet's children ended, or why nobody knows. */
export type FleetEnd = { fleet: Fleet } & ({ manifest: string } | { why: string })

/** Where ResultWriter puts its files: `map-runs/<Map Run id>/`. Nothing else that a state or a manifest names is read. */
const MANIFEST = /^map-runs\/[\w-]{1,100}\/manifest\.json$/
const FAILED = /^FAILED_\d{1,10}\.json$/

const ended = z.object({ Error: z.string() })
const mapRun = z.object({ ResultWriterDetails: z.object({ Key: z.string().regex(MANIFEST) }) })

const endOf = (fleet: Fleet, end: unknown): FleetEnd => {
  const found = mapRun.safeParse(end)
  if (found.success) return { fleet, manifest: found.data.ResultWriterDetails.Key }
  const error = ended.safeParse(end)
  if (error.success) return { fleet, why: `${error.data.Error} ended it` }
  return { fleet, why: end === undefined ? 'it did not come to its end' : 'the state machine names no results of it' }
}

const hadNothingToDo = (end: unknown): boolean => typeof end === 'object' && end !== null && Object.keys(end).length === 0

/** The fleets that ran; null: the run ended before any was at its end. */
export const fleetEnds = ({ copying, verifying }: FleetEnds): FleetEnd[] | null => {
  if (copying === undefined) return null
  const ends = [copying[0], copying[1], verifying] as const
  return FLEETS.flatMap((fleet, index) => (hadNothingToDo(ends[index]) ? [] : [endOf(fleet, ends[index])]))
}

const files = z.array(z.object({ Key: z.string() }))
const manifest = z.object({ ResultFiles: z.object({ FAILED: files, PENDING: files, SUCCEEDED: files }) })

/** The FAILED files that a manifest names. Throws StateBroken if it is none, or cannot be all there is to know. */
export const failedFiles = (name: string, text: string): string[] => {
  const broken = (why: string): StateBroken => new StateBroken(`${name} ${why}`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw broken('is not JSON')
  }
  const parsed = manifest.safeParse(json)
  if (!parsed.success) throw broken('is no manifest of a Map Run')
  const { FAILED: failed, PENDING: pending, SUCCEEDED: succeeded } = parsed.data.ResultFiles
  // A fleet that ran had children. moto's interpreter writes no results, and this in their place.
  if (failed.length + pending.length + succeeded.length === 0) throw broken('names no results')
  if (pending.length > 0) throw broken('names children that were never begun')
  const folder = name.slice(0, name.lastIndexOf('/') + 1)
  if (failed.some(({ Key }) => !Key.startsWith(folder) || !FAILED.test(Key.slice(folder.length))))
    throw broken('names a file that is none of its own')
  return failed.map(({ Key }) => Key)
}

import type { OpenUpload } from './bucket'
import { LARGE_OBJECT_BYTES, PART_BYTES, type Model } from './corpus'
import type { Violation } from './inspect'
import type { Seen } from './observed'
import { DESTINATION, PREFIX, SOURCE } from './places'

/** What a state folder holds between two runs. */
export interface Between {
  uploads: OpenUpload[]
  /** by lock: the run id that holds it, or null */
  holders: Map<string, string | null>
}

export interface RunFacts {
  before: Between
  after: Between
  seen: readonly Seen[]
  /** the source while the run was on */
  model: Model
  /** by upload id: which version of its object it was begun for */
  origins: ReadonlyMap<string, number>
}

export interface Judgement {
  /** uploads that an earlier run began and this one completed */
  adopted: number
  /** their parts that were finished before, none of which this run has read */
  partsReused: number
  /** uploads of earlier runs that this one aborted */
  aborted: number
  locksTakenOver: number
  violations: Violation[]
}

const asksFor = (seen: readonly Seen[], method: string, uploadId: string): boolean =>
  seen.some((request) => request.method === method && request.query.get('uploadId') === uploadId)

/** What a run did with the uploads and the lock that earlier runs had left. */
export const judge = ({ before, after, seen, model, origins }: RunFacts): Judgement => {
  const judged: Judgement = { adopted: 0, partsReused: 0, aborted: 0, locksTakenOver: 0, violations: [] }
  const stillOpen = new Set(after.uploads.map(({ uploadId }) => uploadId))

  for (const { bucket, key, uploadId, parts } of before.uploads) {
    if (bucket !== DESTINATION) continue
    const sourceKey = key.slice(PREFIX.length)
    const content = model.get(sourceKey)
    const fits = content !== undefined && content.size >= LARGE_OBJECT_BYTES && content.version === origins.get(uploadId)
    const completed = asksFor(seen, 'POST', uploadId)
    const aborted = asksFor(seen, 'DELETE', uploadId)
    const complain = (kind: Violation['kind'], why: string) => judged.violations.push({ kind, detail: `${key} ${uploadId}: ${why}` })

    // What is still open is for the next run, or for the inspection to find.
    if (!stillOpen.has(uploadId)) {
      if (aborted) judged.aborted++
      else if (!completed) complain('upload vanished', 'neither completed nor aborted')
      else if (!fits) complain('wrong object', 'completed, although it was begun for another content')
      else {
        judged.adopted++
        judged.partsReused += parts.size
      }
    }

    if (!fits || parts.size === 0) continue
    if (aborted) complain('fitting upload not gone on with', `aborted with ${parts.size} finished parts`)
    for (const number of parts.keys()) {
      const from = (number - 1) * PART_BYTES
      if (
        seen.some((request) => request.bucket === SOURCE && request.key === sourceKey && request.method === 'GET' && request.from === from)
      )
        complain('finished part read again', `part ${number}`)
    }
  }

  for (const [name, runId] of before.holders) if (runId !== null && after.holders.get(name) !== runId) judged.locksTakenOver++
  return judged
}

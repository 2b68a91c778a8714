import type { ListedObject, ObjectStore } from '@drayage/core'
import type { RunEvent } from '../progress'

/** The source, with each page of its listing told to the display: ListSource itself answers only when its turn is over. */
export const hearing = (source: ObjectStore, observe: (event: RunEvent) => void): ObjectStore => ({
  ...source,
  list: async function* (query, call): AsyncGenerator<ListedObject[]> {
    for await (const page of source.list(query, call)) {
      observe({ kind: 'page', objects: page.length, bytes: page.reduce((sum, { size }) => sum + size, 0) })
      yield page
    }
  },
})

interface ListSourceAnswer {
  listed: number
  excluded: number
  bytes: number
  more: boolean
}

interface RestoreArchivedAnswer {
  asked: number
  ready: number
  waitSeconds: number
}

type VerifyBatchAnswer = Record<'verified' | 'notExpected' | 'missing' | 'different' | 'unverifiable' | 'unaccounted', number>

/** Tells the display what a function answered, where that says how far the run is. */
export const heardAnswer = (functionName: string, answer: unknown, observe: (event: RunEvent) => void): void => {
  if (functionName === 'listSource') {
    const { listed, excluded, bytes, more } = answer as ListSourceAnswer
    observe({ kind: 'listed', objects: listed, excluded, bytes, done: !more })
  }
  if (functionName === 'restoreArchived') {
    const { asked, ready, waitSeconds } = answer as RestoreArchivedAnswer
    observe({ kind: 'restoring', asked, ready, waitSeconds })
  }
  if (functionName === 'verifyBatch') {
    const { verified, notExpected, missing, different, unverifiable, unaccounted } = answer as VerifyBatchAnswer
    observe({ kind: 'verified', objects: verified + notExpected + missing + different + unverifiable + unaccounted })
  }
}

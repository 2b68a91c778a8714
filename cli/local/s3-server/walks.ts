import type { Bucket, Upload } from './bucket'
import { after, type ByteString } from './byte-strings'
import type { Scan } from './database'
import type { Walk } from './page'
import { currentRow, currentRows, keyOfCurrentRow, olderRow, olderRows, olderRowsOf, uploadRow, uploadRows } from './row-keys'
import { isMarker, type Version, type VersionedObject } from './version'

/** Rows read ahead after a jump: where keys are rolled up one is enough; each further reading takes twice as many. */
const AFTER_JUMP = 8

/** A scan, row by row. */
const rowsOf = <Row>(scan: Scan<Row>, first: number) => {
  let rows: [string, Row][] = []
  let at = 0
  let ahead = first
  return {
    peek: async (): Promise<[string, Row] | undefined> => {
      if (at === rows.length) {
        rows = await scan.next(ahead)
        ahead *= 2
        at = 0
      }
      return rows[at]
    },
    take: (): void => void (at += 1),
    seek: (row: string): void => {
      // what was read ahead is skipped without asking the database again
      while (at < rows.length && (rows[at] as [string, Row])[0] < row) at += 1
      if (at < rows.length) return
      rows = []
      at = 0
      ahead = AFTER_JUMP
      scan.seek(row)
    },
    close: () => scan.close(),
  }
}

/** The current objects from `from` on, delete markers left out. */
export const objectsFrom = (bucket: Bucket, from: ByteString, most: number): Walk<VersionedObject> => {
  const { name } = bucket
  const rows = rowsOf(bucket.database.scan<Version>(currentRow(name, from), currentRows(name).to), most + 1)
  return {
    next: async () => {
      for (let row = await rows.peek(); row; row = await rows.peek()) {
        rows.take()
        const [key, version] = row
        if (!isMarker(version)) return { key: keyOfCurrentRow(name, key), item: version }
      }
      return undefined
    },
    seek: (key) => rows.seek(currentRow(name, key)),
    close: () => rows.close(),
  }
}

export interface ListedVersion {
  version: Version
  latest: boolean
}

/** All versions from `from` on, each key's newest first; with `behind`, an order, only those of `from` that are older. */
export const versionsFrom = (bucket: Bucket, from: ByteString, behind: string | undefined, most: number): Walk<ListedVersion> => {
  const { name } = bucket
  const firstOlder = behind === undefined ? olderRow(name, from, '') : after(olderRow(name, from, behind))
  // of one state: a version that moves from one table to the other meanwhile would be listed twice or not at all
  const snapshot = bucket.database.snapshot()
  const current = rowsOf(bucket.database.scan<Version>(currentRow(name, from), currentRows(name).to, snapshot), most + 1)
  const older = rowsOf(bucket.database.scan<Version>(firstOlder, olderRows(name).to, snapshot), most + 1)
  let key: ByteString | undefined
  return {
    next: async () => {
      for (;;) {
        const row = key === undefined ? undefined : await older.peek()
        if (key !== undefined && row && row[0] < olderRowsOf(name, key).to) {
          older.take()
          return { key, item: { version: row[1], latest: false } }
        }
        const top = await current.peek()
        if (!top) return undefined
        current.take()
        key = keyOfCurrentRow(name, top[0])
        // the current one too can be older: those before it may have been deleted since the page that `behind` ended
        if (behind === undefined || key !== from || top[1].order > behind) return { key, item: { version: top[1], latest: true } }
      }
    },
    seek: (to) => {
      key = undefined
      current.seek(currentRow(name, to))
      older.seek(olderRowsOf(name, to).from)
    },
    close: async () => {
      await current.close()
      await older.close()
      await snapshot.close()
    },
  }
}

/** The open uploads from `from` on, of one key in the order of their beginning; with `behind`, an id, only those of `from` after it. */
export const uploadsFrom = (bucket: Bucket, from: ByteString, behind: string | undefined, most: number): Walk<Upload> => {
  const { name } = bucket
  const start = behind === undefined ? uploadRow(name, from, '') : after(uploadRow(name, from, behind))
  const rows = rowsOf(bucket.database.scan<Upload>(start, uploadRows(name).to), most + 1)
  return {
    next: async () => {
      const row = await rows.peek()
      if (!row) return undefined
      rows.take()
      return { key: row[1].key, item: row[1] }
    },
    seek: (key) => rows.seek(uploadRow(name, key, '')),
    close: () => rows.close(),
  }
}

import type { Bucket, Upload } from './bucket'
import { after, type ByteString } from './byte-strings'
import type { Scan } from './database'
import type { Walk } from './page'
import { currentRow, currentRows, keyOfCurrentRow, olderRow, olderRows, olderRowsOf, uploadRow, uploadRows } from './row-keys'
import { isMarker, type Version, type VersionedObject } from './version'

/** Rows read ahead, at most: a page and the one that says whether it is the last. */
const AHEAD = 1001
/** Rows read ahead after a jump: where keys are rolled up one is enough; each further reading takes twice as many. */
const AFTER_JUMP = 8

/** A scan, row by row. */
const rowsOf = <Row>(scan: Scan<Row>, first: number) => {
  let rows: [string, Row][] = []
  let at = 0
  let ahead = Math.min(first, AHEAD)
  return {
    peek: async (): Promise<[string, Row] | undefined> => {
      if (at === rows.length) {
        rows = await scan.next(ahead)
        ahead = Math.min(ahead * 2, AHEAD)
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
  const rows = rowsOf(bucket.scan<Version>({ from: currentRow(name, from), to: currentRows(name).to }), most + 1)
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
  const first = currentRow(name, behind === undefined ? from : after(from))
  const firstOlder = behind === undefined ? olderRow(name, from, '') : after(olderRow(name, from, behind))
  const current = rowsOf(bucket.scan<Version>({ from: first, to: currentRows(name).to }), most + 1)
  const older = rowsOf(bucket.scan<Version>({ from: firstOlder, to: olderRows(name).to }), most + 1)
  let key = behind === undefined ? undefined : from
  return {
    next: async () => {
      if (key !== undefined) {
        const row = await older.peek()
        if (row && row[0] < olderRowsOf(name, key).to) {
          older.take()
          return { key, item: { version: row[1], latest: false } }
        }
      }
      const row = await current.peek()
      if (!row) return undefined
      current.take()
      key = keyOfCurrentRow(name, row[0])
      return { key, item: { version: row[1], latest: true } }
    },
    seek: (to) => {
      key = undefined
      current.seek(currentRow(name, to))
      older.seek(olderRowsOf(name, to).from)
    },
    close: async () => {
      await current.close()
      await older.close()
    },
  }
}

/** The open uploads from `from` on, of one key in the order of their beginning; with `behind`, an id, only those of `from` after it. */
export const uploadsFrom = (bucket: Bucket, from: ByteString, behind: string | undefined, most: number): Walk<Upload> => {
  const { name } = bucket
  const start = behind === undefined ? uploadRow(name, from, '') : after(uploadRow(name, from, behind))
  const rows = rowsOf(bucket.scan<Upload>({ from: start, to: uploadRows(name).to }), most + 1)
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

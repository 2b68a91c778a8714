import { ClassicLevel } from 'classic-level'
import type { ByteString } from './byte-strings'

/** A row's key: its table's letter, then what the table is ordered by. Compared byte by byte. */
export type RowKey = ByteString

export type Change = { put: RowKey; row: unknown } | { put: RowKey; bytes: Buffer } | { delete: RowKey }

/**
 * Tables that LevelDB maps into memory at once, of 2 MiB each: with its own default of 1,000 the process grows by 2 GB while it
 * reads a large index, of pages that the system could take back but counts as the process's.
 */
const OPEN_TABLES = 40
/** Bytes of rows that one step of a scan takes out of the database. */
const SCANNED_BYTES = 256 * 1024

const BYTE_STRINGS = {
  name: 'byte-string',
  format: 'buffer' as const,
  encode: (key: RowKey): Buffer => Buffer.from(key, 'latin1'),
  decode: (bytes: Buffer): RowKey => bytes.toString('latin1'),
}

/** Rows of a scan, in order, `limit` at a time. Closed by its user, also after an error. */
export interface Scan<Row> {
  /** The next rows; [] at the end. */
  next(limit: number): Promise<[RowKey, Row][]>
  /** Goes on at this key or the first after it. */
  seek(key: RowKey): void
  close(): Promise<void>
}

/**
 * An ordered table on the disk (LevelDB), held by one process at a time: what is written in one batch is there whole or not at
 * all, and once `write` has returned it outlives the process, kill -9 included. Nothing is flushed to the disk.
 */
export class Database {
  private readonly level: ClassicLevel<RowKey, unknown>

  constructor(directory: string) {
    this.level = new ClassicLevel<RowKey, unknown>(directory, {
      keyEncoding: BYTE_STRINGS,
      valueEncoding: 'json',
      maxOpenFiles: OPEN_TABLES,
    })
  }

  /** Throws abstract-level's errors: LEVEL_DATABASE_NOT_OPEN, whose cause is LEVEL_LOCKED when another process holds it. */
  async open(): Promise<void> {
    await this.level.open()
  }

  row<Row>(key: RowKey): Row | undefined {
    return this.level.getSync(key) as Row | undefined
  }

  bytes(key: RowKey): Buffer | undefined {
    return this.level.getSync<RowKey, Buffer>(key, { valueEncoding: 'buffer' })
  }

  async write(changes: readonly Change[]): Promise<void> {
    await this.level.batch(
      changes.map((change) => {
        if ('delete' in change) return { type: 'del', key: change.delete }
        if ('row' in change) return { type: 'put', key: change.put, value: change.row }
        return { type: 'put', key: change.put, value: change.bytes, valueEncoding: 'buffer' }
      }),
    )
  }

  /** The rows from `from` up to `to`, which is excluded, as they are now: later changes are not seen. */
  scan<Row>(from: RowKey, to: RowKey): Scan<Row> {
    const iterator = this.level.iterator({ gte: from, lt: to, highWaterMarkBytes: SCANNED_BYTES })
    return {
      next: async (limit) => (await iterator.nextv(limit)) as [RowKey, Row][],
      seek: (key) => iterator.seek(key),
      close: () => iterator.close(),
    }
  }

  /** The rows of a range, the first `limit` of them if there is one. */
  async rows<Row>(from: RowKey, to: RowKey, limit?: number): Promise<[RowKey, Row][]> {
    return (await this.level.iterator({ gte: from, lt: to, limit: limit ?? -1, highWaterMarkBytes: SCANNED_BYTES }).all()) as [
      RowKey,
      Row,
    ][]
  }

  async close(): Promise<void> {
    await this.level.close()
  }
}

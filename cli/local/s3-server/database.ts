import { ClassicLevel, type Snapshot } from 'classic-level'
import type { ByteString } from './byte-strings'

/** A row's key: its table's letter, then what the table is ordered by. Compared byte by byte. */
export type RowKey = ByteString

export type Change = { put: RowKey; row: unknown } | { put: RowKey; bytes: Buffer } | { delete: RowKey }

/**
 * Tables that LevelDB maps into memory at once, of 2 MiB each: pages that the system can take back, but counts as the process's. Of
 * a million objects 20,000 read anywhere cost 136 µs of CPU each with 40 of them and 243 MB, 57 µs with 100 and 262 MB, 24 µs with
 * LevelDB's own 1,000 and 323 MB; listing costs the same with all. More objects would take up to 2 GB with 1,000.
 */
const OPEN_TABLES = 100
/**
 * Rows that one step of a scan takes out of the database, of 16 KiB at most. An iterator keeps those of its last step until it is
 * garbage-collected, however long it is closed, and the collector does not know of them: steps of a whole page let the process
 * grow by 450 MB while a million objects were listed, these by 8 MB, for no more CPU.
 */
const STEP = 64

const BYTE_STRINGS = {
  name: 'byte-string',
  format: 'buffer' as const,
  encode: (key: RowKey): Buffer => Buffer.from(key, 'latin1'),
  decode: (bytes: Buffer): RowKey => bytes.toString('latin1'),
}

/** Rows of a scan, in order, `limit` at a time. Closed by its user, also after an error. */
export interface Scan<Row> {
  /** The next rows, at least one and not always as many as asked for; [] at the end. */
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
  private failure: Error | undefined

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

  /**
   * Writes all changes or none. Throws what the disk throws, and from then on throws it always: half of a batch may stand in
   * LevelDB's log, and the next start drops what is behind it. Of 30 writes answered after a full disk was emptied it had none.
   */
  async write(changes: readonly Change[]): Promise<void> {
    if (this.failure) throw this.failure
    try {
      await this.level.batch(
        changes.map((change) => {
          if ('delete' in change) return { type: 'del', key: change.delete }
          if ('row' in change) return { type: 'put', key: change.put, value: change.row }
          return { type: 'put', key: change.put, value: change.bytes, valueEncoding: 'buffer' }
        }),
      )
    } catch (error) {
      this.failure = error as Error
      throw error
    }
  }

  /** The table as it is now, for several scans of one state. Closed by its user, after them. */
  snapshot(): Snapshot {
    return this.level.snapshot()
  }

  /** The rows from `from` up to `to`, which is excluded, as they are now or in the snapshot: later changes are not seen. */
  scan<Row>(from: RowKey, to: RowKey, snapshot?: Snapshot): Scan<Row> {
    const iterator = this.level.iterator({ gte: from, lt: to, ...(snapshot && { snapshot }) })
    let last: RowKey | undefined
    return {
      next: async (limit) => {
        const rows = (await iterator.nextv(Math.min(limit, STEP))) as [RowKey, Row][]
        last = rows.at(-1)?.[0] ?? last
        return rows
      },
      seek: (key) => iterator.seek(key),
      close: async () => {
        // one row is less to keep, see STEP; a seek without any row ends the process (an assertion of classic-level 3.0.0)
        if (last !== undefined) iterator.seek(last)
        if (last !== undefined) await iterator.nextv(1)
        await iterator.close()
      },
    }
  }

  /** The rows of a range one by one, for one that may be long. */
  async *each<Row>(from: RowKey, to: RowKey, step = STEP): AsyncGenerator<[RowKey, Row]> {
    const scan = this.scan<Row>(from, to)
    try {
      for (let rows = await scan.next(step); rows.length > 0; rows = await scan.next(step)) yield* rows
    } finally {
      await scan.close()
    }
  }

  /** The rows of a range, the first `limit` of them if there is one. */
  async rows<Row>(from: RowKey, to: RowKey, limit = Infinity): Promise<[RowKey, Row][]> {
    const found: [RowKey, Row][] = []
    for await (const row of this.each<Row>(from, to, limit)) if (found.push(row) === limit) break
    return found
  }

  /** `remove`: and takes its files from the disk, as a server leaves none that has no bucket. */
  async close(remove = false): Promise<void> {
    await this.level.close()
    if (remove) await ClassicLevel.destroy(this.level.location)
  }
}

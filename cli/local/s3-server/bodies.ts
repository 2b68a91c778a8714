import { randomUUID } from 'node:crypto'
import { closeSync, createReadStream, mkdirSync, openSync, readSync, unlinkSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Change, Database } from './database'
import { bodyOfLooseRow, bodyRow, looseRow, looseRows } from './row-keys'

/** One stored body: a whole object, or a part of one. Of an object's, only the last can be empty, and then no body is stored. */
export interface Piece {
  body: string
  /** bytes */
  size: number
}

/**
 * Up to this many bytes a body is a row of the index. A PUT of 4 random KiB costs 0.23 ms of CPU as a row, compaction included,
 * and 0.49 as a file; over another object 0.30 either way, a GET 0.16 and 0.12. Larger bodies would be compacted over and over.
 */
const IN_INDEX = 4 * 1024
/**
 * Up to this many bytes a body is held in memory and written or read with three blocking calls: at 4 KiB some 40 µs of CPU
 * against 150 µs through the thread pool, and on the page cache they do not block for long.
 */
const SMALL = 64 * 1024

/**
 * The bodies of a server, each under a random name: a row of the index, or a file in one of 256 directories. A key never becomes
 * a name. The index says of a body that it is loose before its file is made, and again when no object names it any more: the
 * next start removes what a crash left. A body counts only once the index names it, so it needs no temporary name and no rename.
 */
export class Bodies {
  private readonly made = new Set<string>()
  /** how many readers a body has, and whether it goes with the last of them */
  private readonly held = new Map<string, { readers: number; doomed: boolean }>()
  /** bodies of the index that no object names yet */
  private readonly fresh = new Map<string, Buffer>()
  /** removals under way, which `settled` waits for */
  private readonly erasing = new Set<Promise<void>>()

  constructor(
    private readonly database: Database,
    private readonly directory: string,
  ) {
    mkdirSync(directory, { recursive: true })
  }

  /** Takes in a body of exactly `size` bytes; whatever fails, its source included, leaves nothing behind. */
  async write(chunks: AsyncIterable<Buffer>, size: number): Promise<Piece[]> {
    if (size <= SMALL) {
      const bytes = await gather(chunks)
      if (size === 0) return []
      const body = randomUUID()
      if (size <= IN_INDEX) this.fresh.set(body, bytes)
      else await this.makeFile(body, (name) => writeFileSync(name, bytes, { flag: 'wx' }))
      return [{ body, size }]
    }
    const body = randomUUID()
    await this.makeFile(body, (name) => writeFile(name, chunks, { flag: 'wx' }))
    return [{ body, size }]
  }

  /** What makes a new body stay, to be written together with the row that names it. */
  keep(pieces: readonly Piece[]): Change[] {
    return pieces.map(({ body }) => {
      const bytes = this.fresh.get(body)
      this.fresh.delete(body)
      return bytes ? { put: bodyRow(body), bytes } : { delete: looseRow(body) }
    })
  }

  /** What makes bodies loose, to be written together with the change after which nothing names them; then `erase` them. */
  loosen(pieces: readonly Piece[]): Change[] {
    return pieces.map(({ body }) => ({ put: looseRow(body), row: 1 }))
  }

  /** Removes loose bodies, those under a reader when it has finished. */
  erase(pieces: readonly Piece[]): void {
    for (const { body, size } of pieces) {
      const held = this.held.get(body)
      if (held) held.doomed = true
      else if (this.fresh.delete(body)) continue
      else this.remove(body, size)
    }
  }

  /** Bytes `from` to `to`, the end excluded, of pieces laid end to end: a buffer when small, else a stream to read or destroy. */
  read(pieces: readonly Piece[], from: number, to: number): Buffer | Readable {
    if (to - from <= SMALL) return Buffer.concat([...spans(pieces, from, to)].map((span) => this.readSpan(span)))
    for (const { body } of pieces)
      this.held.set(body, { doomed: false, ...this.held.get(body), readers: (this.held.get(body)?.readers ?? 0) + 1 })
    return Readable.from(this.stream(pieces, from, to), { objectMode: false, highWaterMark: 256 * 1024 }).once('close', () =>
      pieces.forEach((piece) => this.release(piece)),
    )
  }

  /** Removes the bodies that a crash left loose. */
  async sweep(): Promise<void> {
    for await (const [row] of this.database.each(looseRows.from, looseRows.to)) {
      const body = bodyOfLooseRow(row)
      if (this.unlink(body)) await this.database.write([{ delete: bodyRow(body) }, { delete: row }])
    }
  }

  /** Waits until no removal is under way. */
  async settled(): Promise<void> {
    while (this.erasing.size > 0) await Promise.all(this.erasing)
  }

  private async makeFile(body: string, write: (name: string) => Promise<void> | void): Promise<void> {
    const shard = body.slice(0, 2)
    if (!this.made.has(shard)) mkdirSync(join(this.directory, shard), { recursive: true })
    this.made.add(shard)
    await this.database.write([{ put: looseRow(body), row: 1 }])
    try {
      await write(this.nameOf(body))
    } catch (error) {
      this.remove(body, SMALL)
      throw error
    }
  }

  private readSpan({ body, size, start, end }: Span): Buffer {
    if (size <= IN_INDEX) {
      const bytes = this.database.bytes(bodyRow(body))
      if (bytes?.length !== size) throw new Error(`stored body ${body} is not what the index says`)
      return bytes.subarray(start, end)
    }
    const bytes = Buffer.allocUnsafe(end - start)
    const file = openSync(this.nameOf(body), 'r')
    try {
      for (let at = 0; at < bytes.length;) {
        const got = readSync(file, bytes, at, bytes.length - at, start + at)
        if (got === 0) throw new Error(`stored body ${body} is shorter than the index says`)
        at += got
      }
    } finally {
      closeSync(file)
    }
    return bytes
  }

  private async *stream(pieces: readonly Piece[], from: number, to: number): AsyncGenerator<Buffer> {
    for (const span of spans(pieces, from, to)) {
      if (span.size <= SMALL) {
        yield this.readSpan(span)
        continue
      }
      const { body, start, end } = span
      let got = 0
      for await (const chunk of createReadStream(this.nameOf(body), {
        start,
        end: end - 1,
        highWaterMark: 256 * 1024,
      }) as AsyncIterable<Buffer>) {
        got += chunk.length
        yield chunk
      }
      if (got !== end - start) throw new Error(`stored body ${body} is shorter than the index says`)
    }
  }

  private release({ body, size }: Piece): void {
    const held = this.held.get(body)
    if (!held || --held.readers > 0) return
    this.held.delete(body)
    if (held.doomed) this.remove(body, size)
  }

  private nameOf(body: string): string {
    return join(this.directory, body.slice(0, 2), body)
  }

  private remove(body: string, size: number): void {
    const inIndex = size <= IN_INDEX
    if (!inIndex && !this.unlink(body)) return
    // what cannot be removed now stays loose, and the next start removes it
    const removal = this.database
      .write([...(inIndex ? [{ delete: bodyRow(body) }] : []), { delete: looseRow(body) }])
      .catch(() => undefined)
    this.erasing.add(removal)
    void removal.then(() => this.erasing.delete(removal))
  }

  private unlink(body: string): boolean {
    try {
      unlinkSync(this.nameOf(body))
      return true
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT'
    }
  }
}

interface Span extends Piece {
  start: number
  /** excluded */
  end: number
}

function* spans(pieces: readonly Piece[], from: number, to: number): Generator<Span> {
  let begin = 0
  for (const piece of pieces) {
    const start = Math.max(from - begin, 0)
    const end = Math.min(to - begin, piece.size)
    if (start < end) yield { ...piece, start, end }
    begin += piece.size
  }
}

export const gather = async (chunks: AsyncIterable<Buffer>): Promise<Buffer> => {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all.length === 1 ? (all[0] as Buffer) : Buffer.concat(all)
}

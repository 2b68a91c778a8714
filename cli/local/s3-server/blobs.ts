import { randomUUID } from 'node:crypto'
import { closeSync, createReadStream, mkdirSync, openSync, readdirSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'

/** One stored body: a whole object, or a part of one. Never empty. */
export interface Piece {
  blob: string
  /** bytes */
  size: number
}

/**
 * Up to this many bytes a body is held in memory and written or read with three blocking calls: at 4 KiB some 40 µs of CPU
 * against 150 µs through the thread pool, and on the page cache they do not block for long.
 */
const SMALL = 64 * 1024

/**
 * The bodies of a bucket, each under a random name in one of 256 directories; a key never becomes a name. A body counts only
 * once the index names it, so it needs no temporary name and no rename; what a crash left unnamed is swept at the next start.
 * Nothing is flushed to the disk: kill -9 does not lose the page cache, a power cut may.
 */
export class Blobs {
  private readonly made = new Set<string>()
  /** how many readers a blob has, and whether it goes with the last of them */
  private readonly held = new Map<string, { readers: number; doomed: boolean }>()

  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true })
  }

  /** Writes a body; whatever fails, its source included, leaves nothing behind. */
  async write(chunks: AsyncIterable<Buffer>, size: number): Promise<Piece[]> {
    if (size <= SMALL) return this.writeSmall(await gather(chunks))
    const blob = this.newBlob()
    const handle = await open(this.nameOf(blob), 'wx')
    let written = 0
    try {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten
        written += chunk.length
      }
      await handle.close()
    } catch (error) {
      await handle.close().catch(() => undefined) // the first failure is the one to report
      this.delete(blob)
      throw error
    }
    return [{ blob, size: written }]
  }

  /** Bytes `from` to `to`, the end excluded, of pieces laid end to end: a buffer when small, else a stream to read or destroy. */
  read(pieces: readonly Piece[], from: number, to: number): Buffer | Readable {
    if (to - from <= SMALL) return Buffer.concat([...spans(pieces, from, to)].map((span) => this.readSpan(span)))
    const names = pieces.map(({ blob }) => blob)
    for (const blob of names) this.held.set(blob, { readers: (this.held.get(blob)?.readers ?? 0) + 1, doomed: false })
    return Readable.from(this.stream(pieces, from, to), { objectMode: false, highWaterMark: 256 * 1024 }).once('close', () =>
      names.forEach((blob) => this.release(blob)),
    )
  }

  /** Removes bodies, those under a reader when it has finished. */
  remove(pieces: readonly Piece[]): void {
    for (const { blob } of pieces) {
      const held = this.held.get(blob)
      if (held) held.doomed = true
      else this.delete(blob)
    }
  }

  /** Removes every body that is not among these. */
  sweep(kept: ReadonlySet<string>): void {
    for (const shard of readdirSync(this.directory))
      for (const blob of readdirSync(join(this.directory, shard))) if (!kept.has(blob)) unlinkSync(join(this.directory, shard, blob))
  }

  private writeSmall(bytes: Buffer): Piece[] {
    if (bytes.length === 0) return []
    const blob = this.newBlob()
    const file = openSync(this.nameOf(blob), 'wx')
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
    } catch (error) {
      this.delete(blob)
      throw error
    } finally {
      closeSync(file)
    }
    return [{ blob, size: bytes.length }]
  }

  private readSpan({ blob, start, end }: Span): Buffer {
    const bytes = Buffer.allocUnsafe(end - start)
    const file = openSync(this.nameOf(blob), 'r')
    try {
      for (let at = 0; at < bytes.length;) {
        const got = readSync(file, bytes, at, bytes.length - at, start + at)
        if (got === 0) throw new Error(`stored body ${blob} is shorter than the index says`)
        at += got
      }
    } finally {
      closeSync(file)
    }
    return bytes
  }

  private async *stream(pieces: readonly Piece[], from: number, to: number): AsyncGenerator<Buffer> {
    for (const { blob, start, end } of spans(pieces, from, to)) {
      let got = 0
      for await (const chunk of createReadStream(this.nameOf(blob), {
        start,
        end: end - 1,
        highWaterMark: 256 * 1024,
      }) as AsyncIterable<Buffer>) {
        got += chunk.length
        yield chunk
      }
      if (got !== end - start) throw new Error(`stored body ${blob} is shorter than the index says`)
    }
  }

  private release(blob: string): void {
    const held = this.held.get(blob)
    if (!held || --held.readers > 0) return
    this.held.delete(blob)
    if (held.doomed) this.delete(blob)
  }

  private newBlob(): string {
    const blob = randomUUID()
    const shard = blob.slice(0, 2)
    if (!this.made.has(shard)) mkdirSync(join(this.directory, shard), { recursive: true })
    this.made.add(shard)
    return blob
  }

  private nameOf(blob: string): string {
    return join(this.directory, blob.slice(0, 2), blob)
  }

  private delete(blob: string): void {
    try {
      unlinkSync(this.nameOf(blob))
    } catch {
      // the index no longer names it, or never did: what cannot be removed now is swept at the next start
    }
  }
}

interface Span {
  blob: string
  start: number
  /** excluded */
  end: number
}

function* spans(pieces: readonly Piece[], from: number, to: number): Generator<Span> {
  let begin = 0
  for (const { blob, size } of pieces) {
    const start = Math.max(from - begin, 0)
    const end = Math.min(to - begin, size)
    if (start < end) yield { blob, start, end }
    begin += size
  }
}

const gather = async (chunks: AsyncIterable<Buffer>): Promise<Buffer> => {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all.length === 1 ? (all[0] as Buffer) : Buffer.concat(all)
}

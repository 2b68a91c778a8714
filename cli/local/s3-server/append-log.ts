import { closeSync, fsyncSync, ftruncateSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { DirectoryUnusable } from './errors'

const BLOCK = 1024 * 1024

const toLine = (entry: unknown): string => {
  const json = JSON.stringify(entry)
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`
}

const fromLine = (line: string): unknown => {
  const json = line.slice(9)
  return line[8] === ' ' && crc32(json) === Number.parseInt(line.slice(0, 8), 16) ? JSON.parse(json) : undefined
}

/**
 * Entries in a file, one line each with its CRC32: an entry counts once its whole line is there. A torn last line, left by a
 * crash, is cut off when the log is opened; a broken line before others is damage, and refused.
 */
export class AppendLog<Entry> {
  private constructor(
    private file: number,
    private length: number,
    private readonly name: string,
  ) {}

  /** Opens or creates the log and plays what it holds. Throws DirectoryUnusable for a damaged one. */
  static open<Entry>(name: string, play: (entry: Entry) => void): AppendLog<Entry> {
    const file = openSync(name, 'a+')
    const whole = replay(file, name, (entry) => play(entry as Entry))
    ftruncateSync(file, whole)
    return new AppendLog<Entry>(file, whole, name)
  }

  /** When it returns, the entry is in the operating system's hands; when it throws, it is not in the log. */
  append(entry: Entry): void {
    const bytes = Buffer.from(toLine(entry), 'utf8')
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.file, bytes, at)
    } catch (error) {
      ftruncateSync(this.file, this.length)
      throw error
    }
    this.length += bytes.length
  }

  /** Replaces the whole log by these entries, in one step. */
  rewrite(entries: Iterable<Entry>): void {
    const next = openSync(`${this.name}.next`, 'w')
    this.length = 0
    let block: string[] = []
    const flush = (): void => {
      const bytes = Buffer.from(block.join(''), 'utf8')
      for (let at = 0; at < bytes.length;) at += writeSync(next, bytes, at)
      this.length += bytes.length
      block = []
    }
    for (const entry of entries) if (block.push(toLine(entry)) === 1000) flush()
    flush()
    fsyncSync(next)
    closeSync(next)
    closeSync(this.file)
    renameSync(`${this.name}.next`, this.name)
    this.file = openSync(this.name, 'a')
  }

  close(): void {
    closeSync(this.file)
  }
}

/** Plays the whole lines and returns their length in bytes. */
const replay = (file: number, name: string, play: (entry: unknown) => void): number => {
  const block = Buffer.allocUnsafe(BLOCK)
  let rest = Buffer.alloc(0)
  let whole = 0
  let torn = false
  for (let got = readSync(file, block, 0, BLOCK, 0), read = got; got > 0; got = readSync(file, block, 0, BLOCK, read), read += got) {
    const bytes = Buffer.concat([rest, block.subarray(0, got)])
    let at = 0
    for (let newline = bytes.indexOf(10); newline >= 0; newline = bytes.indexOf(10, at)) {
      const entry = fromLine(bytes.toString('utf8', at, newline))
      if (torn)
        throw new DirectoryUnusable(
          `${name} is damaged at byte ${whole}: a broken entry is followed by others. Restore the directory, or remove it and start afresh.`,
        )
      if (entry === undefined) torn = true
      else {
        play(entry)
        whole += newline + 1 - at
      }
      at = newline + 1
    }
    rest = bytes.subarray(at)
  }
  return whole
}

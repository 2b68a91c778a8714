import { createHash } from 'node:crypto'
import { StoreUnavailable } from '../../layers/core/domain/errors'
import { memoryStore, type MemoryStore } from './memory-store'

/** Buckets that are drawn, others who write to them, and stores that fail now and then. */

const KEYS = [
  'a',
  'a/',
  'a//',
  'a/b',
  'a/\u00e9',
  'a/e\u0301',
  'a/\u{ffff}',
  'a/\u{10000}',
  'a/ ',
  'a/+%2F',
  '..',
  '/',
  'b',
  'p/a',
  'p/..',
  'p/z',
].map((key) => Buffer.from(key))
const LARGE = [Buffer.alloc(5 * 1024 * 1024, 1), Buffer.alloc(5 * 1024 * 1024, 2)]
const BODIES = ['', 'x', 'y', 'same size', 'SAME SIZE', 'another one'].map((body) => Buffer.from(body))
const METADATA: Record<string, string>[] = [{}, { of: '1' }, { of: '2' }, { line: 'a\nb', of: '3' }, { mtime: '7' }]

/** Draws from 0 up to 1, by the seed, by what is asked, and by how often that was asked before. */
export const drawing = (seed: number) => {
  const asked = new Map<string, number>()
  const draw = (what: string): number => {
    const count = (asked.get(what) ?? 0) + 1
    asked.set(what, count)
    return createHash('sha256').update(`${seed} ${what} ${count}`).digest().readUIntBE(0, 6) / 2 ** 48
  }
  return { draw, pick: <T>(what: string, items: readonly T[]): T => items[Math.floor(draw(what) * items.length)]! }
}
export type Drawing = ReturnType<typeof drawing>

export const text = (key: Buffer): string => key.toString('latin1')

/** One side, as it truly is, and what others have done to it. */
export class Side {
  readonly store: MemoryStore = memoryStore()
  /** keys that others have written or dropped in this run; and every body that stood under one */
  readonly touched = new Set<string>()
  readonly bodies = new Map<string, Set<string>>()
  /** whether what is put was put some time ago */
  isOld = true

  constructor(
    private readonly name: string,
    private readonly drawn: Drawing,
    private readonly large: boolean,
  ) {}

  async read(key: Buffer): Promise<{ body: Buffer; metadata: Record<string, string> } | undefined> {
    const info = await this.store.stat(key)
    if (info === undefined) return undefined
    const chunks: Buffer[] = []
    for await (const chunk of (await this.store.read(key)).body) chunks.push(chunk as Buffer)
    return { body: Buffer.concat(chunks), metadata: info.headers.metadata }
  }

  async keys(): Promise<Buffer[]> {
    const keys: Buffer[] = []
    for await (const page of this.store.list({ prefix: Buffer.alloc(0) })) keys.push(...page.map(({ key }) => key))
    return keys
  }

  private noteBody(key: Buffer, body: Buffer): void {
    const known = this.bodies.get(text(key)) ?? new Set()
    this.bodies.set(text(key), known.add(body.toString('latin1').slice(0, 100) + body.length))
  }

  async beginRun(): Promise<void> {
    this.touched.clear()
    this.bodies.clear()
    for (const key of await this.keys()) this.noteBody(key, (await this.read(key))!.body)
  }

  had(key: Buffer, body: Buffer): boolean {
    return this.bodies.get(text(key))?.has(body.toString('latin1').slice(0, 100) + body.length) === true
  }

  /** Somebody else puts or drops an object. */
  async change(asMappedTo: (key: Buffer) => Buffer): Promise<void> {
    const { draw, pick } = this.drawn
    const key = asMappedTo(pick(`${this.name} key`, KEYS))
    this.touched.add(text(key))
    if (draw(`${this.name} drop`) < 0.25) return this.store.drop(key)
    const isLarge = this.large && draw(`${this.name} large`) < 0.15
    const body = pick(`${this.name} body`, isLarge ? LARGE : BODIES)
    this.noteBody(key, body)
    await this.store.put(key, body, { headers: { metadata: pick(`${this.name} metadata`, METADATA) } })
    // later on that would be a clock that is set back: no delta run sees what it hides
    const age = pick(`${this.name} age`, [0, 0, 1500, 60_000])
    if (this.isOld && age > 0) this.store.alter(key, { info: { lastModified: new Date(Date.now() - age).toISOString() } })
  }
}

/** How often something goes wrong, from 0 up to 1, and what else happens at each call. */
export interface Weather {
  faults: number
  meanwhile(): Promise<void>
}

/** A store with weather: a call fails before or behind its work, or others come before it. */
export const weathered = (name: string, inner: MemoryStore, { draw }: Drawing, weather: Weather): MemoryStore => {
  const one =
    <A extends unknown[], R>(method: string, act: (...call: A) => Promise<R>) =>
    async (...call: A): Promise<R> => {
      const what = `${name} ${method} ${Buffer.isBuffer(call[0]) ? text(call[0]) : ''}`
      await weather.meanwhile()
      const fault = draw(what)
      if (fault < weather.faults / 2) throw new StoreUnavailable(`planted before ${what}`)
      const answer = await act(...call)
      if (fault < weather.faults) {
        if (method === 'read') (answer as { body: { destroy(): void } }).body.destroy()
        throw new StoreUnavailable(`planted behind ${what}`)
      }
      return answer
    }
  async function* pages<T>(listed: AsyncIterable<T[]>): AsyncGenerator<T[]> {
    await weather.meanwhile()
    if (draw(`${name} list`) < weather.faults) throw new StoreUnavailable('planted in a listing')
    yield* listed
  }
  return {
    ...inner,
    list: (query, call) => pages(inner.list({ ...query, pageSize: query.pageSize ?? 3 }, call)),
    read: one('read', inner.read),
    stat: one('stat', inner.stat),
    put: one('put', inner.put),
    createUpload: one('createUpload', inner.createUpload),
    putPart: one('putPart', inner.putPart),
    listParts: one('listParts', inner.listParts),
    completeUpload: one('completeUpload', inner.completeUpload),
  }
}

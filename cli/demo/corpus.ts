import { createCipheriv } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Body, ObjectHeaders, ObjectStore } from '@drayage/core'
import { awkwardObjects } from './awkward-keys'

/** The demo's bounds: enough objects and types to be a real run, little enough to end within 90 s on two cores. */
const MAX_FILES = 12_000
const MAX_BYTES = 150_000_000

const MIB = 1024 * 1024
/** Above the demo request's limits.largeObjectBytes (32 MiB), so that CopyLargeObjects has work. */
const LARGE_BYTES = 40 * MIB

/** PUTs at once. The server is in this process: more only queue. */
const AT_ONCE = 16

const TYPES: Record<string, string> = {
  cjs: 'text/javascript',
  css: 'text/css',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  json: 'application/json',
  map: 'application/json',
  md: 'text/markdown; charset=utf-8',
  mjs: 'text/javascript',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  yaml: 'application/yaml',
  yml: 'application/yaml',
}

interface CorpusObject {
  key: Buffer
  /** bytes */
  size: number
  headers: ObjectHeaders
  read(): Promise<Body>
}

export interface Filled {
  objects: number
  bytes: number
  /** objects that were written now; the others were already there */
  written: number
}

/** Puts the demo's objects into a bucket; those that are there with their size already are left. */
export const fillSource = async (store: ObjectStore, folder: string, signal: AbortSignal): Promise<Filled> => {
  const objects = [...(await filesOf(folder)), ...awkward(), large()]
  const present = new Map<string, number>()
  for await (const page of store.list({ prefix: Buffer.alloc(0) }, { signal }))
    for (const { key, size } of page) present.set(key.toString('latin1'), size)
  const missing = objects.filter(({ key, size }) => present.get(key.toString('latin1')) !== size)
  let next = 0
  const worker = async () => {
    for (let object = missing[next++]; object !== undefined; object = missing[next++]) {
      await store.put(object.key, await object.read(), { headers: object.headers, signal })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { objects: objects.length, bytes: objects.reduce((sum, { size }) => sum + size, 0), written: missing.length }
}

/** The first regular files under a folder, in byte order of their names, as objects named `node_modules/…`. */
const filesOf = async (folder: string): Promise<CorpusObject[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => Buffer.from(relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/')))
    .sort(Buffer.compare)
    .slice(0, MAX_FILES)
  const objects: CorpusObject[] = []
  let bytes = 0
  for (const name of names) {
    const text = name.toString('utf8')
    const place = join(folder, text)
    const { size } = await stat(place)
    if (bytes + size > MAX_BYTES) break
    bytes += size
    objects.push({ key: Buffer.concat([Buffer.from('node_modules/'), name]), size, headers: headersOf(text), read: () => readFile(place) })
  }
  return objects
}

const headersOf = (name: string): ObjectHeaders => ({
  contentType: TYPES[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? 'application/octet-stream',
  metadata: {},
})

const awkward = (): CorpusObject[] =>
  awkwardObjects().map(({ key, body }, index) => ({
    key,
    size: body.length,
    headers: { contentType: 'text/plain; charset=utf-8', metadata: { 'awkward-key': String(index) } },
    read: async () => body,
  }))

const large = (): CorpusObject => ({
  key: Buffer.from('large/forty-mebibytes.bin'),
  size: LARGE_BYTES,
  headers: { contentType: 'application/octet-stream', metadata: {} },
  read: async () => ({ stream: incompressible(LARGE_BYTES), size: LARGE_BYTES }),
})

/** The same bytes in every run, and no two blocks alike: the key stream of AES-128 in counter mode under a key of zeros. */
const incompressible = async function* (bytes: number): AsyncGenerator<Uint8Array> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
  const zeros = Buffer.alloc(MIB)
  for (let left = bytes; left > 0; left -= MIB) yield cipher.update(zeros.subarray(0, Math.min(MIB, left)))
}

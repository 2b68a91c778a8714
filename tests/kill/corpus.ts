import { createCipheriv, createHash } from 'node:crypto'
import { awkwardObjects } from '../../cli/demo/awkward-keys'
import type { Random } from './random'

const KIB = 1024
const MIB = 1024 * KIB

/** From this many bytes on the campaign's requests have an object copied in parts. */
export const LARGE_OBJECT_BYTES = 20 * MIB

/** Bytes of every part but the last, of an object below 156 GiB (layers/core/domain/parts.ts). */
export const PART_BYTES = 16 * MIB

export interface Content {
  /** bytes */
  size: number
  /** no two contents of a round have the same number, so none comes back */
  version: number
  /** hex */
  sha256: string
}

/** What a bucket is to hold, by key. All keys of the campaign are UTF-8. */
export type Model = Map<string, Content>

/** The same incompressible bytes for the same key, version and size. */
export const bodyOf = (key: string, { version, size }: Pick<Content, 'version' | 'size'>): Buffer => {
  const seed = createHash('sha256').update(`${version} ${key}`).digest()
  return createCipheriv('aes-128-ctr', seed.subarray(0, 16), seed.subarray(16)).update(Buffer.alloc(size))
}

export const contentOf = (key: string, size: number, version: number): Content => ({
  size,
  version,
  sha256: createHash('sha256').update(bodyOf(key, { version, size })).digest('hex'),
})

/** `copies/` and a key of 1,024 bytes would be too long together. */
const AWKWARD_KEYS = awkwardObjects()
  .map(({ key }) => key.toString('utf8'))
  .filter((key) => Buffer.byteLength(key) < 1000)

export const LARGE_KEYS = ['large/fifty MiB', 'large/thirty-six MiB'] as const

/** Some 600 small objects, a dozen of 200 kB to 2 MB, an empty one, and two that are copied in 4 and in 3 parts. */
export const corpus = (random: Random): Model => {
  const model: Model = new Map()
  const add = (key: string, size: number) => model.set(key, contentOf(key, size, 1))
  for (let index = 0; index < 240; index++) add(`photos/2024/${index}.jpg`, random.whole(1, 3000))
  for (let index = 0; index < 200; index++) add(`logs//day=${index % 7}/part-${index}`, random.whole(1, 800))
  for (let index = 0; index < 130; index++) add(`é/${index}`, random.whole(1, 5000))
  for (let index = 0; index < 12; index++) add(`middle/${index}.bin`, random.whole(200_000, 2_000_000))
  for (const key of AWKWARD_KEYS) add(key, random.whole(1, 100))
  add('empty', 0)
  add(LARGE_KEYS[0], 50 * MIB)
  add(LARGE_KEYS[1], 36 * MIB)
  return model
}

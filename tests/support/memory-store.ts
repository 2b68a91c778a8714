import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import {
  BodyMismatch,
  NoSuchObject,
  NoSuchUpload,
  ObjectArchived,
  ObjectChanged,
  PreconditionFailed,
  StoreRefused,
} from '../../layers/core/domain/errors'
import { compareKeys, hasPrefix, printableKey, type Key } from '../../layers/core/domain/keys'
import type {
  Body,
  ListedObject,
  ListQuery,
  ObjectHeaders,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  PutResult,
  Tag,
} from '../../layers/core/domain/object-store'

interface Stored {
  key: Key
  bytes: Buffer
  info: ObjectInfo
  tags: Tag[]
  versionId: string
  deleteMarker: boolean
  /** bytes of each part that it was made of */
  parts?: number[]
}

interface Upload {
  key: Key
  options: PutOptions
  initiated: string
  parts: Map<number, { bytes: Buffer; etag: string; lastModified: string }>
}

const md5 = (bytes: Buffer): Buffer => createHash('md5').update(bytes).digest()

const crcText = (bytes: Buffer): string => {
  const text = Buffer.alloc(4)
  text.writeUInt32BE(crc32(bytes))
  return text.toString('base64')
}

const whole = async (body: Body, signal: AbortSignal | undefined): Promise<Buffer> => {
  if (Buffer.isBuffer(body)) return Buffer.from(body)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body.stream) {
    signal?.throwIfAborted()
    length += chunk.length
    if (length > body.size) break
    chunks.push(chunk)
  }
  if (length !== body.size) throw new BodyMismatch(`${length} bytes or more instead of ${body.size}`)
  return Buffer.concat(chunks)
}

const copied = (headers: ObjectHeaders = { metadata: {} }): ObjectHeaders => ({ ...headers, metadata: { ...headers.metadata } })

/** What a test does to a bucket behind its client's back. */
export interface MemoryStore extends ObjectStore {
  /** Deletes an object, or its newest version. */
  drop(key: Key): void
  /** Alters what is stored, without a new version. */
  alter(key: Key, change: { bytes?: Buffer; info?: Partial<ObjectInfo>; versionId?: string }): void
  close(): Promise<void>
}

const ARCHIVED = ['GLACIER', 'DEEP_ARCHIVE']

const isArchived = ({ storageClass = '', archiveStatus, restore }: ObjectInfo): boolean =>
  (ARCHIVED.includes(storageClass) || archiveStatus !== undefined) && (restore === undefined || restore.ongoing)

const CRC_PARTS = (crcs: readonly string[]): string =>
  `${crcText(Buffer.concat(crcs.map((crc) => Buffer.from(crc, 'base64'))))}-${crcs.length}`

/**
 * A bucket in memory that keeps what it is given: what tests of everything above the store stand on. With `versions` it keeps
 * every version; a restore is done as soon as it is asked for.
 */
export const memoryStore = ({ versions = false }: { versions?: boolean } = {}): MemoryStore => {
  /** newest first */
  const objects = new Map<string, Stored[]>()
  const uploads = new Map<string, Upload>()
  let written = 0
  const nameOf = (key: Key): string => key.toString('latin1')

  /** The current version, or the one that is asked for. */
  const found = (key: Key, versionId?: string): Stored | undefined => {
    const all = objects.get(nameOf(key)) ?? []
    const one = versionId === undefined ? all[0] : all.find((stored) => stored.versionId === versionId)
    return one?.deleteMarker === true ? undefined : one
  }

  const add = (key: Key, stored: Omit<Stored, 'key' | 'versionId'>): string => {
    const versionId = versions ? `v${String(++written).padStart(8, '0')}` : 'null'
    const info = versions ? { ...stored.info, versionId } : stored.info
    const before = versions ? (objects.get(nameOf(key)) ?? []) : []
    objects.set(nameOf(key), [{ ...stored, key: Buffer.from(key), info, versionId }, ...before])
    return versionId
  }

  const keep = (key: Key, bytes: Buffer, etag: string, crc32: string, options: PutOptions, parts?: number[]): string => {
    const { headers, storageClass, lock, kmsKey, tags = [] } = options
    const info: ObjectInfo = { size: bytes.length, etag, lastModified: new Date().toISOString(), headers: copied(headers), crc32 }
    if (storageClass !== undefined && storageClass !== 'STANDARD') info.storageClass = storageClass
    if (lock !== undefined) info.lock = lock
    if (kmsKey !== undefined) Object.assign(info, { kmsKey, encryption: 'aws:kms', etag: `"${randomUUID().replaceAll('-', '')}"` })
    return add(key, { bytes, info, tags: [...tags], deleteMarker: false, ...(parts && { parts }) })
  }

  const uploadOf = (key: Key, uploadId: string): Upload => {
    const upload = uploads.get(uploadId)
    if (upload === undefined || !upload.key.equals(key)) throw new NoSuchUpload(`no upload ${uploadId} of ${printableKey(key)}`)
    return upload
  }

  const infoOf = ({ info }: Stored, checksum: boolean): ObjectInfo => {
    const { crc32: kept, ...rest } = { ...info, headers: copied(info.headers) }
    return checksum && kept !== undefined ? { ...rest, crc32: kept } : rest
  }

  const inRange = ({ prefix, after, upTo }: ListQuery): Stored[][] =>
    [...objects.values()]
      .filter(([stored]) => stored !== undefined && hasPrefix(stored.key, prefix))
      .filter(
        ([stored]) =>
          (after === undefined || compareKeys(stored!.key, after) > 0) && (upTo === undefined || compareKeys(stored!.key, upTo) <= 0),
      )
      .sort(([a], [b]) => compareKeys(a!.key, b!.key))

  const listed = ({ key, info: { size, etag, lastModified, storageClass } }: Stored): ListedObject => ({
    key,
    size,
    etag,
    lastModified,
    storageClass,
  })

  async function* inPages<T>(items: readonly T[], { pageSize = 1000 }: ListQuery, signal: AbortSignal | undefined): AsyncGenerator<T[]> {
    for (let at = 0; at === 0 || at < items.length; at += pageSize) {
      signal?.throwIfAborted()
      yield items.slice(at, at + pageSize)
    }
  }

  return {
    list: (query, { signal } = {}) =>
      inPages(
        inRange(query).flatMap(([stored]) => (stored === undefined || stored.deleteMarker ? [] : [listed(stored)])),
        query,
        signal,
      ),

    listVersions: (query, { signal } = {}) =>
      inPages(
        inRange(query).flatMap((all) =>
          all.map((stored, at) => ({
            ...listed(stored),
            versionId: stored.versionId,
            latest: at === 0,
            deleteMarker: stored.deleteMarker,
          })),
        ),
        query,
        signal,
      ),

    async read(key, { range, ifMatch, versionId, signal } = {}) {
      signal?.throwIfAborted()
      const stored = found(key, versionId)
      if (stored === undefined) throw new NoSuchObject(printableKey(key))
      if (ifMatch !== undefined && ifMatch !== stored.info.etag) throw new ObjectChanged(printableKey(key))
      if (isArchived(stored.info)) throw new ObjectArchived(printableKey(key))
      if (range !== undefined && range.from >= stored.bytes.length) throw new StoreRefused(printableKey(key), 'InvalidRange', 416)
      const bytes = range === undefined ? stored.bytes : stored.bytes.subarray(range.from, range.to + 1)
      const pieces = function* () {
        for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
      }
      const body = Readable.from(pieces(), { objectMode: false, highWaterMark: 65_536 })
      const stop = (): void => void body.destroy(signal?.reason as Error)
      signal?.addEventListener('abort', stop)
      body.on('error', () => undefined).on('close', () => signal?.removeEventListener('abort', stop))
      return { info: infoOf(stored, false), length: bytes.length, body }
    },

    async stat(key, { versionId, part, checksum = false, signal } = {}) {
      signal?.throwIfAborted()
      const stored = found(key, versionId)
      if (stored === undefined || part === undefined) return stored && infoOf(stored, checksum)
      const size = (stored.parts ?? [stored.bytes.length])[part - 1]
      if (size === undefined) throw new StoreRefused(printableKey(key), 'InvalidPartNumber', 416)
      return { ...infoOf(stored, checksum), size, ...(stored.parts && { parts: stored.parts.length }) }
    },

    async tags(key, { versionId, signal } = {}) {
      signal?.throwIfAborted()
      const stored = found(key, versionId)
      if (stored === undefined) throw new NoSuchObject(printableKey(key))
      return [...stored.tags]
    },

    async restore(key, _order, { versionId, signal } = {}) {
      signal?.throwIfAborted()
      const stored = found(key, versionId)
      if (stored === undefined) throw new NoSuchObject(printableKey(key))
      if (!isArchived(stored.info)) return 'restored'
      stored.info = { ...stored.info, restore: { ongoing: false, expiresAt: new Date(Date.now() + 86_400_000).toISOString() } }
      return 'begun'
    },

    async mark(key, { signal } = {}) {
      signal?.throwIfAborted()
      if (!versions) throw new StoreRefused(printableKey(key), 'NoDeleteMarker', 204)
      const info: ObjectInfo = { size: 0, etag: '', lastModified: new Date().toISOString(), headers: copied() }
      return { versionId: add(key, { bytes: Buffer.alloc(0), info, tags: [], deleteMarker: true }) }
    },

    async put(key, body, options = {}) {
      options.signal?.throwIfAborted()
      if (options.lock !== undefined && !versions) throw new StoreRefused(printableKey(key), 'InvalidRequest', 400)
      const bytes = await whole(body, options.signal)
      const etag = found(key)?.info.etag
      if ((options.ifNoneMatch === true && etag !== undefined) || (options.ifMatch !== undefined && options.ifMatch !== etag)) {
        throw new PreconditionFailed(printableKey(key))
      }
      const crc32 = crcText(bytes)
      const versionId = keep(key, bytes, `"${md5(bytes).toString('hex')}"`, crc32, options)
      const result: PutResult = { etag: found(key)!.info.etag, crc32 }
      return versions ? { ...result, versionId } : result
    },

    async createUpload(key, options = {}) {
      options.signal?.throwIfAborted()
      const uploadId = randomUUID()
      uploads.set(uploadId, { key: Buffer.from(key), options, initiated: new Date().toISOString(), parts: new Map() })
      return uploadId
    },

    async putPart(key, uploadId, number, body, { signal } = {}) {
      signal?.throwIfAborted()
      uploadOf(key, uploadId)
      const bytes = await whole(body, signal)
      const etag = `"${md5(bytes).toString('hex')}"`
      uploadOf(key, uploadId).parts.set(number, { bytes, etag, lastModified: new Date().toISOString() })
      return { etag, crc32: crcText(bytes) }
    },

    async listParts(key, uploadId, { signal } = {}) {
      signal?.throwIfAborted()
      return [...uploadOf(key, uploadId).parts]
        .sort(([a], [b]) => a - b)
        .map(([number, { bytes, etag, lastModified }]) => ({ number, etag, size: bytes.length, lastModified, crc32: crcText(bytes) }))
    },

    async completeUpload(key, uploadId, parts, { signal } = {}) {
      signal?.throwIfAborted()
      const upload = uploadOf(key, uploadId)
      const given = parts.map(({ number, etag }) => {
        const part = upload.parts.get(number)
        if (part?.etag !== etag) throw new StoreRefused(`part ${number} of ${printableKey(key)}`, 'InvalidPart', 400)
        return part.bytes
      })
      const etag = `"${md5(Buffer.concat(given.map(md5))).toString('hex')}-${given.length}"`
      const crcs = parts.map(({ number }) => crcText(upload.parts.get(number)!.bytes))
      const versionId = keep(
        key,
        Buffer.concat(given),
        etag,
        CRC_PARTS(crcs),
        upload.options,
        given.map(({ length }) => length),
      )
      uploads.delete(uploadId)
      const joined = { etag: found(key)!.info.etag }
      return versions ? { ...joined, versionId } : joined
    },

    async abortUpload(_key, uploadId, { signal } = {}) {
      signal?.throwIfAborted()
      uploads.delete(uploadId)
    },

    async listUploads(prefix, { signal } = {}) {
      signal?.throwIfAborted()
      return [...uploads]
        .filter(([, { key }]) => hasPrefix(key, prefix))
        .map(([uploadId, { key, initiated }]) => ({ key, uploadId, initiated }))
        .sort((a, b) => compareKeys(a.key, b.key))
    },

    drop(key) {
      const [, ...rest] = objects.get(nameOf(key)) ?? []
      if (rest.length === 0) objects.delete(nameOf(key))
      else objects.set(nameOf(key), rest)
    },

    alter(key, { bytes, info, versionId }) {
      const stored = found(key, versionId)
      if (stored === undefined) throw new NoSuchObject(printableKey(key))
      if (bytes !== undefined) stored.bytes = bytes
      stored.info = { ...stored.info, ...info, ...(bytes === undefined ? {} : { size: bytes.length }) }
    },

    async close() {
      objects.clear()
      uploads.clear()
    },
  }
}

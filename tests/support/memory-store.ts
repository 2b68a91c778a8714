import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { BodyMismatch, NoSuchObject, NoSuchUpload, ObjectChanged, PreconditionFailed, StoreRefused } from '../../layers/core/domain/errors'
import { compareKeys, hasPrefix, printableKey, type Key } from '../../layers/core/domain/keys'
import type {
  Body,
  ListedObject,
  ObjectHeaders,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  PutResult,
} from '../../layers/core/domain/object-store'

interface Stored {
  key: Key
  bytes: Buffer
  info: ObjectInfo
}

interface Upload {
  key: Key
  options: PutOptions
  initiated: string
  parts: Map<number, { bytes: Buffer; etag: string }>
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

/** A bucket in memory that keeps what it is given: what tests of everything above the store stand on. */
export const memoryStore = (): ObjectStore & { close(): Promise<void> } => {
  const objects = new Map<string, Stored>()
  const uploads = new Map<string, Upload>()
  const nameOf = (key: Key): string => key.toString('latin1')

  const keep = (key: Key, bytes: Buffer, etag: string, { headers, storageClass }: PutOptions): void => {
    const info: ObjectInfo = { size: bytes.length, etag, lastModified: new Date().toISOString(), headers: copied(headers) }
    if (storageClass !== undefined) info.storageClass = storageClass
    objects.set(nameOf(key), { key: Buffer.from(key), bytes, info })
  }

  const uploadOf = (key: Key, uploadId: string): Upload => {
    const upload = uploads.get(uploadId)
    if (upload === undefined || !upload.key.equals(key)) throw new NoSuchUpload(`no upload ${uploadId} of ${printableKey(key)}`)
    return upload
  }

  return {
    async *list({ prefix, after, upTo, pageSize = 1000 }, { signal } = {}) {
      const inRange = [...objects.values()]
        .filter(({ key }) => hasPrefix(key, prefix))
        .filter(({ key }) => (after === undefined || compareKeys(key, after) > 0) && (upTo === undefined || compareKeys(key, upTo) <= 0))
        .sort((a, b) => compareKeys(a.key, b.key))
        .map(({ key, info: { size, etag, lastModified, storageClass } }): ListedObject => ({ key, size, etag, lastModified, storageClass }))
      for (let at = 0; at === 0 || at < inRange.length; at += pageSize) {
        signal?.throwIfAborted()
        yield inRange.slice(at, at + pageSize)
      }
    },

    async read(key, { range, ifMatch, signal } = {}) {
      signal?.throwIfAborted()
      const stored = objects.get(nameOf(key))
      if (stored === undefined) throw new NoSuchObject(printableKey(key))
      if (ifMatch !== undefined && ifMatch !== stored.info.etag) throw new ObjectChanged(printableKey(key))
      if (range !== undefined && range.from >= stored.bytes.length) throw new StoreRefused(printableKey(key), 'InvalidRange', 416)
      const bytes = range === undefined ? stored.bytes : stored.bytes.subarray(range.from, range.to + 1)
      const pieces = function* () {
        for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
      }
      const body = Readable.from(pieces(), { objectMode: false, highWaterMark: 65_536 })
      const stop = (): void => void body.destroy(signal?.reason as Error)
      signal?.addEventListener('abort', stop)
      body.on('error', () => undefined).on('close', () => signal?.removeEventListener('abort', stop))
      return { info: { ...stored.info, headers: copied(stored.info.headers) }, length: bytes.length, body }
    },

    async stat(key, { signal } = {}) {
      signal?.throwIfAborted()
      return objects.get(nameOf(key))?.info
    },

    async put(key, body, options = {}) {
      options.signal?.throwIfAborted()
      const bytes = await whole(body, options.signal)
      const etag = objects.get(nameOf(key))?.info.etag
      if ((options.ifNoneMatch === true && etag !== undefined) || (options.ifMatch !== undefined && options.ifMatch !== etag)) {
        throw new PreconditionFailed(printableKey(key))
      }
      const result: PutResult = { etag: `"${md5(bytes).toString('hex')}"`, crc32: crcText(bytes) }
      keep(key, bytes, result.etag, options)
      return result
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
      uploadOf(key, uploadId).parts.set(number, { bytes, etag })
      return { etag, crc32: crcText(bytes) }
    },

    async listParts(key, uploadId, { signal } = {}) {
      signal?.throwIfAborted()
      return [...uploadOf(key, uploadId).parts]
        .sort(([a], [b]) => a - b)
        .map(([number, { bytes, etag }]) => ({ number, etag, size: bytes.length, crc32: crcText(bytes) }))
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
      keep(key, Buffer.concat(given), etag, upload.options)
      uploads.delete(uploadId)
      return { etag }
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

    async close() {
      objects.clear()
      uploads.clear()
    },
  }
}

import type * as S3 from '@aws-sdk/client-s3'
import { UploadPartCopyCommand } from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { absent, bytesOf, crc32Bytes, group, md5Etag, PART, partsEtag, refused, same, sameBytes, TAIL, type Place } from './behaviour'

const LIMITS = 'Amazon S3 multipart upload limits'
const COMPLETE = 'CompleteMultipartUpload'
const LIST = 'ListMultipartUploads'
const INTEGRITY = 'Checking object integrity for data uploads in Amazon S3'
const WHOLE = Buffer.concat([PART, TAIL])

/** An upload with these parts sent, and what completes it. */
const withParts = async (
  at: Place,
  key: string,
  bodies: readonly Buffer[],
  more: Parameters<Place['open']>[1] = {},
): Promise<{ id: string; parts: S3.CompletedPart[] }> => {
  const id = await at.open(key, more)
  const algorithm = more.ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm: more.ChecksumAlgorithm }
  const parts: S3.CompletedPart[] = []
  for (const [index, body] of bodies.entries()) parts.push(await at.part(key, id, index + 1, body, algorithm))
  return { id, parts }
}

const openIds = async (at: Place, more: Parameters<Place['uploads']>[0] = {}): Promise<string[]> =>
  ((await at.uploads(more)).Uploads ?? []).map(({ UploadId = '' }) => UploadId)

export const multipart = group('multipart uploads', [
  [
    'parts become one object, whose ETag is the MD5 of their MD5s and their count',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [PART, TAIL])
      const { ETag } = await at.complete('a', id, parts)
      const reply = await at.get('a')
      sameBytes('body', reply.bytes, WHOLE)
      same('ETag of Complete', ETag, partsEtag([PART, TAIL]))
      same('ETag of GET', reply.ETag, partsEtag([PART, TAIL]))
      same('ETag of the listing', (await at.list()).Contents?.[0]?.ETag, partsEtag([PART, TAIL]))
    },
    'Object (API reference: ETag)',
  ],
  [
    'headers, metadata, storage class and tags are those of CreateMultipartUpload',
    async (at) => {
      const more = {
        ContentType: 'text/w',
        CacheControl: 'max-age=5',
        Metadata: { w: '1' },
        StorageClass: 'STANDARD_IA',
        Tagging: 'a=1',
      } as const
      const { id, parts } = await withParts(at, 'a', [TAIL], more)
      await at.complete('a', id, parts)
      const found = await at.head('a')
      same('headers', [found.ContentType, found.CacheControl, found.StorageClass], ['text/w', 'max-age=5', 'STANDARD_IA'])
      same('metadata', found.Metadata, { w: '1' })
      same('tags', await at.tags('a'), { a: '1' })
    },
    'CreateMultipartUpload',
  ],
  [
    'a part sent as a stream comes back',
    async (at) => {
      const id = await at.open('a')
      const part = await at.part('a', id, 1, Readable.from([PART]), { ContentLength: PART.length })
      await at.complete('a', id, [part])
      sameBytes('body', (await at.get('a')).bytes, PART)
    },
  ],
  [
    'parts may come in any order, and one sent again replaces the first',
    async (at) => {
      const id = await at.open('a')
      const two = await at.part('a', id, 2, TAIL)
      await at.part('a', id, 1, bytesOf('first try', PART.length))
      const one = await at.part('a', id, 1, PART)
      await at.complete('a', id, [one, two])
      sameBytes('body', (await at.get('a')).bytes, WHOLE)
    },
    'UploadPart',
  ],
  [
    'part numbers may have gaps, up to 10,000',
    async (at) => {
      const more = { ChecksumAlgorithm: 'CRC64NVME' } as const
      const id = await at.open('a', { ...more, ChecksumType: 'FULL_OBJECT' })
      const parts = [await at.part('a', id, 3, PART, more), await at.part('a', id, 10_000, TAIL, more)]
      await at.complete('a', id, parts)
      sameBytes('body', (await at.get('a')).bytes, WHOLE)
    },
    LIMITS,
  ],
  [
    'the part numbers 0 and 10,001 are refused',
    async (at) => {
      const id = await at.open('a')
      await refused('0', at.part('a', id, 0, TAIL), '400 InvalidArgument')
      await refused('10,001', at.part('a', id, 10_001, TAIL), '400 InvalidArgument')
    },
    LIMITS,
  ],
  [
    'nothing is there before Complete, and what was there before stays until then',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [TAIL])
      await absent(at, 'a')
      same('listing', (await at.list()).KeyCount, 0)
      await at.put('a', 'before')
      same('before', (await at.get('a')).bytes.toString(), 'before')
      await at.complete('a', id, parts)
      sameBytes('after', (await at.get('a')).bytes, TAIL)
    },
    'Uploading and copying objects using multipart upload in Amazon S3',
  ],
  [
    'parts that were sent and are not named by Complete are no part of the object',
    async (at) => {
      const id = await at.open('a')
      const one = await at.part('a', id, 1, PART)
      await at.part('a', id, 2, TAIL)
      await at.complete('a', id, [one])
      sameBytes('body', (await at.get('a')).bytes, PART)
    },
    COMPLETE,
  ],
  [
    'ListParts has number, size, ETag and checksum of each, page by page',
    async (at) => {
      const bodies = [PART, TAIL, bytesOf('three', 300)]
      const { id } = await withParts(at, 'a', bodies, { ChecksumAlgorithm: 'CRC32' })
      const first = await at.parts('a', id, { MaxParts: 2 })
      same('truncated', first.IsTruncated, true)
      const second = await at.parts('a', id, { PartNumberMarker: first.NextPartNumberMarker })
      same('last page truncated', second.IsTruncated, false)
      const parts = [...(first.Parts ?? []), ...(second.Parts ?? [])]
      same(
        'numbers and sizes',
        parts.map(({ PartNumber, Size }) => [PartNumber, Size]),
        bodies.map((body, index) => [index + 1, body.length]),
      )
      same('ETags', parts.map(({ ETag }) => ETag).join(), bodies.map(md5Etag).join())
      same(
        'checksums',
        parts.map(({ ChecksumCRC32 }) => ChecksumCRC32).join(),
        bodies.map((body) => crc32Bytes(body).toString('base64')).join(),
      )
    },
    'ListParts',
  ],
  [
    'Complete refuses parts out of order',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [PART, TAIL])
      await refused('2, 1', at.complete('a', id, [...parts].reverse()), '400 InvalidPartOrder')
      await at.complete('a', id, parts)
    },
    COMPLETE,
  ],
  [
    'Complete refuses a wrong ETag and a part that was not sent, and the upload stays open',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [PART, TAIL])
      const [one = {}, two = {}] = parts
      await refused('wrong ETag', at.complete('a', id, [{ ...one, ETag: md5Etag('other') }, two]), '400 InvalidPart')
      await refused('not sent', at.complete('a', id, [one, { ...two, PartNumber: 3 }]), '400 InvalidPart')
      await absent(at, 'a')
      await at.complete('a', id, parts)
    },
    COMPLETE,
  ],
  [
    'Complete refuses a part under 5 MiB that is not the last',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [PART.subarray(1), TAIL])
      await refused('5 MiB less one byte', at.complete('a', id, parts), '400 EntityTooSmall')
      await absent(at, 'a')
    },
    COMPLETE,
  ],
  [
    'Complete refuses a list without parts',
    async (at) => {
      const { id } = await withParts(at, 'a', [TAIL])
      await refused('no part', at.complete('a', id, []), '400 MalformedXML')
    },
    COMPLETE,
  ],
  [
    'Complete refuses a size that the parts do not have',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [TAIL])
      await refused('a byte more', at.complete('a', id, parts, { MpuObjectSize: TAIL.length + 1 }), '400 InvalidRequest')
      await at.complete('a', id, parts, { MpuObjectSize: TAIL.length })
    },
    COMPLETE,
  ],
  [
    'Complete again is answered with the object or with 404 NoSuchUpload',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [TAIL])
      const { ETag } = await at.complete('a', id, parts)
      const again = await at.complete('a', id, parts).catch((error: unknown) => error)
      if (again instanceof Error) await refused('Complete again', Promise.reject(again), '404 NoSuchUpload')
      else same('ETag', (again as S3.CompleteMultipartUploadCommandOutput).ETag, ETag)
    },
    COMPLETE,
  ],
  [
    'an upload that was aborted is gone: no part, no list of parts, no Complete, no second abort',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [TAIL])
      same('status', (await at.abort('a', id)).$metadata.httpStatusCode, 204)
      await refused('UploadPart', at.part('a', id, 2, TAIL), '404 NoSuchUpload')
      await refused('ListParts', at.parts('a', id), '404 NoSuchUpload')
      await refused('Complete', at.complete('a', id, parts), '404 NoSuchUpload')
      await refused('Abort', at.abort('a', id), '404 NoSuchUpload')
      await absent(at, 'a')
    },
    'AbortMultipartUpload; Error responses',
  ],
  [
    'an upload belongs to its key',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [TAIL])
      await refused('UploadPart', at.part('b', id, 1, TAIL), '404 NoSuchUpload')
      await refused('Complete', at.complete('b', id, parts), '404 NoSuchUpload')
    },
    'UploadPart',
  ],
  [
    'ListMultipartUploads lists what is open and nothing that was completed or aborted',
    async (at) => {
      const [open, aborted] = [await at.open('a'), await at.open('b')]
      const { id, parts } = await withParts(at, 'c', [TAIL])
      await at.abort('b', aborted)
      await at.complete('c', id, parts)
      same('only the open one', (await openIds(at)).length, 1)
      same('it is', (await openIds(at))[0] === open, true)
      const { Uploads: [found] = [] } = await at.uploads()
      same('key', found?.Key, 'a')
      same('begun within the last day', Math.abs(Date.now() - (found?.Initiated?.getTime() ?? 0)) < 86_400_000, true)
    },
    LIST,
  ],
  [
    'ListMultipartUploads by prefix and page by page, two uploads of one key apart',
    async (at) => {
      const ids = [await at.open('in/a'), await at.open('in/a'), await at.open('in/b'), await at.open('out')]
      const first = await at.uploads({ Prefix: 'in/', MaxUploads: 1 })
      same('truncated', first.IsTruncated, true)
      const rest = await openIds(at, { Prefix: 'in/', KeyMarker: first.NextKeyMarker, UploadIdMarker: first.NextUploadIdMarker })
      const found = [...(first.Uploads ?? []).map(({ UploadId = '' }) => UploadId), ...rest]
      same('count', found.length, 3)
      same(
        'these three',
        ids.slice(0, 3).every((id) => found.includes(id)),
        true,
      )
    },
    LIST,
  ],
  [
    'ListMultipartUploads rolls keys up at a delimiter',
    async (at) => {
      for (const key of ['a', 'b/1', 'b/2']) await at.open(key)
      const found = await at.uploads({ Delimiter: '/' })
      same(
        'keys',
        (found.Uploads ?? []).map(({ Key }) => Key),
        ['a'],
      )
      same(
        'prefixes',
        (found.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
        ['b/'],
      )
    },
    LIST,
  ],
  [
    'a part can be read by its number, with the count of parts, and one that is not there is refused',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [PART, TAIL])
      await at.complete('a', id, parts)
      const second = await at.get('a', { PartNumber: 2 })
      sameBytes('body', second.bytes, TAIL)
      same('count', second.PartsCount, 2)
      same('Content-Range', second.ContentRange, `bytes ${PART.length}-${WHOLE.length - 1}/${WHOLE.length}`)
      const head = await at.head('a', { PartNumber: 1 })
      same('HEAD', [head.ContentLength, head.PartsCount], [PART.length, 2])
      await refused('part 3', at.get('a', { PartNumber: 3 }), '416 InvalidPartNumber')
    },
    'GetObject; Error responses',
  ],
  [
    'a range may run across parts',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [PART, TAIL])
      await at.complete('a', id, parts)
      const { bytes } = await at.get('a', { Range: `bytes=${PART.length - 3}-${PART.length + 2}` })
      sameBytes('body', bytes, WHOLE.subarray(PART.length - 3, PART.length + 3))
    },
  ],
  [
    'UploadPartCopy copies an object or a range of it',
    async (at) => {
      await at.put('from', WHOLE)
      const id = await at.open('a')
      const parts: S3.CompletedPart[] = []
      for (const [index, range] of [undefined, 'bytes=5-104'].entries()) {
        const { CopyPartResult } = await at.client.send(
          new UploadPartCopyCommand({
            Bucket: at.bucket,
            Key: 'a',
            UploadId: id,
            PartNumber: index + 1,
            CopySource: `${at.bucket}/from`,
            CopySourceRange: range,
          }),
        )
        const { ETag, ChecksumCRC32 } = CopyPartResult ?? {}
        parts.push({ PartNumber: index + 1, ETag, ChecksumCRC32 })
      }
      await at.complete('a', id, parts)
      sameBytes('body', (await at.get('a')).bytes, Buffer.concat([WHOLE, WHOLE.subarray(5, 105)]))
    },
    'UploadPartCopy',
  ],
  [
    'UploadPartCopy of a range behind the end, and of an object that is not the one meant, is refused',
    async (at) => {
      const { ETag } = await at.put('from', TAIL)
      const id = await at.open('a')
      const copy = (more: Partial<S3.UploadPartCopyCommandInput>) =>
        at.client.send(
          new UploadPartCopyCommand({ Bucket: at.bucket, Key: 'a', UploadId: id, PartNumber: 1, CopySource: `${at.bucket}/from`, ...more }),
        )
      await refused('range', copy({ CopySourceRange: `bytes=0-${TAIL.length}` }), '4xx')
      await refused('If-Match', copy({ CopySourceIfMatch: md5Etag('other') }), '412 PreconditionFailed')
      await copy({ CopySourceIfMatch: ETag })
    },
    'UploadPartCopy',
  ],
  [
    'a wrong checksum of a part is refused, and the part is not there',
    async (at) => {
      const id = await at.open('a', { ChecksumAlgorithm: 'CRC32' })
      await refused('UploadPart', at.part('a', id, 1, TAIL, { ChecksumCRC32: 'AAAAAA==' }), '400 BadDigest')
      same('parts', (await at.parts('a', id)).Parts ?? [], [])
    },
    INTEGRITY,
  ],
  [
    'Complete refuses a part whose checksum is given wrong',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [TAIL], { ChecksumAlgorithm: 'CRC32' })
      await refused(
        'Complete',
        at.complete(
          'a',
          id,
          parts.map((part) => ({ ...part, ChecksumCRC32: 'AAAAAA==' })),
        ),
        '400 InvalidPart',
      )
      await absent(at, 'a')
      await at.complete('a', id, parts)
    },
    COMPLETE,
  ],
  ...(
    [
      ['CRC32', 'ChecksumCRC32', crc32Bytes],
      ['SHA256', 'ChecksumSHA256', (data: Buffer) => createHash('sha256').update(data).digest()],
    ] as const
  ).map(
    ([ChecksumAlgorithm, field, digest]) =>
      [
        `a composite ${ChecksumAlgorithm} is the checksum of the parts' checksums, and their count`,
        async (at) => {
          const { id, parts } = await withParts(at, 'a', [PART, TAIL], { ChecksumAlgorithm, ChecksumType: 'COMPOSITE' })
          const wanted = `${digest(Buffer.concat([digest(PART), digest(TAIL)])).toString('base64')}-2`
          same('Complete', (await at.complete('a', id, parts))[field], wanted)
          const found = await at.head('a', { ChecksumMode: 'ENABLED' })
          same('HEAD', [found[field], found.ChecksumType], [wanted, 'COMPOSITE'])
        },
        INTEGRITY,
      ] as const satisfies Parameters<typeof group>[1][number],
  ),
  ...(['CRC32', 'CRC32C', 'CRC64NVME'] as const).map(
    (ChecksumAlgorithm) =>
      [
        `a ${ChecksumAlgorithm} of the full object is that of one PUT of the same bytes`,
        async (at) => {
          const { id, parts } = await withParts(at, 'a', [PART, TAIL], { ChecksumAlgorithm, ChecksumType: 'FULL_OBJECT' })
          const field = `Checksum${ChecksumAlgorithm}` as const
          const completed = await at.complete('a', id, parts)
          const single = await at.put('single', WHOLE, { ChecksumAlgorithm })
          same('there', single[field] !== undefined, true)
          same('Complete', completed[field], single[field])
          const found = await at.head('a', { ChecksumMode: 'ENABLED' })
          same('HEAD', [found[field], found.ChecksumType], [single[field], 'FULL_OBJECT'])
        },
        INTEGRITY,
      ] as const satisfies Parameters<typeof group>[1][number],
  ),
  [
    'Complete refuses a wrong checksum of the full object',
    async (at) => {
      const { id, parts } = await withParts(at, 'a', [PART, TAIL], { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' })
      const wrong = { ChecksumCRC32: 'AAAAAA==', ChecksumType: 'FULL_OBJECT' } as const
      await refused('Complete', at.complete('a', id, parts, wrong), '400 BadDigest')
      await absent(at, 'a')
      const right = { ChecksumCRC32: crc32Bytes(WHOLE).toString('base64'), ChecksumType: 'FULL_OBJECT' } as const
      await at.complete('a', id, parts, right)
    },
    COMPLETE,
  ],
])

import { GetObjectAttributesCommand, ObjectAttributes } from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { absent, crc32Bytes, group, md5, PART, refused, refusedRaw, same, TAIL } from './behaviour'

const INTEGRITY = 'Checking object integrity for data uploads in Amazon S3'

// Of "123456789": the CRCs from the catalogue of parametrised CRC algorithms, the SHAs from sha1sum and sha256sum.
const VECTORS = [
  ['CRC32', 'ChecksumCRC32', 'cbf43926'],
  ['CRC32C', 'ChecksumCRC32C', 'e3069283'],
  ['CRC64NVME', 'ChecksumCRC64NVME', 'ae8b14860a799888'],
  ['SHA1', 'ChecksumSHA1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
  ['SHA256', 'ChecksumSHA256', '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225'],
] as const
const BODY = '123456789'

const wrong = (hex: string): string => {
  const bytes = Buffer.from(hex, 'hex')
  bytes[0] = 255 - (bytes[0] ?? 0)
  return bytes.toString('base64')
}

/** What the SDK sends for a stream, with a trailer of our choice. */
const withTrailer = (path: string, trailer: string) => ({
  method: 'PUT',
  path,
  headers: { 'x-amz-trailer': 'x-amz-checksum-crc32', 'x-amz-decoded-content-length': '5' },
  hash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  body: Buffer.from(`5\r\nhello\r\n0\r\n${trailer}\r\n`),
})

export const checksums = group('checksums', [
  ...VECTORS.map(
    ([name, field, hex]) =>
      [
        `a ${name} is kept, and returned by PUT, HEAD and GET in checksum mode`,
        async (at) => {
          const value = Buffer.from(hex, 'hex').toString('base64')
          same('PUT', (await at.put('sum', BODY, { [field]: value }))[field], value)
          same('HEAD', (await at.head('sum', { ChecksumMode: 'ENABLED' }))[field], value)
          same('GET', (await at.get('sum', { ChecksumMode: 'ENABLED' }))[field], value)
          same('type', (await at.head('sum', { ChecksumMode: 'ENABLED' })).ChecksumType, 'FULL_OBJECT')
          same('HEAD without checksum mode', (await at.head('sum'))[field], undefined)
        },
        INTEGRITY,
      ] as const satisfies Parameters<typeof group>[1][number],
  ),
  ...VECTORS.map(
    ([name, field, hex]) =>
      [
        `a wrong ${name} is refused, and nothing is kept`,
        async (at) => {
          await refused('PUT', at.put('refused', BODY, { [field]: wrong(hex) }), '400 BadDigest')
          await absent(at, 'refused')
        },
        INTEGRITY,
      ] as const satisfies Parameters<typeof group>[1][number],
  ),
  ...(['CRC32C', 'CRC64NVME', 'SHA256'] as const).map(
    (ChecksumAlgorithm) =>
      [
        `a ${ChecksumAlgorithm} that comes in the trailer of a stream is kept`,
        async (at) => {
          const vector = VECTORS.find(([name]) => name === ChecksumAlgorithm)
          await at.put('stream', Readable.from([Buffer.from(BODY)]), { ContentLength: BODY.length, ChecksumAlgorithm })
          const found = await at.head('stream', { ChecksumMode: 'ENABLED' })
          same('HEAD', found[`Checksum${ChecksumAlgorithm}`], Buffer.from(vector?.[2] ?? '', 'hex').toString('base64'))
        },
        INTEGRITY,
      ] as const satisfies Parameters<typeof group>[1][number],
  ),
  [
    'a wrong checksum in the trailer is refused, a right one is not',
    async (at) => {
      const path = `/${at.bucket}/trailer`
      refusedRaw('wrong', await at.raw(withTrailer(path, 'x-amz-checksum-crc32:AAAAAA==\r\n')), '400 BadDigest')
      await absent(at, 'trailer')
      same(
        'right: status',
        (await at.raw(withTrailer(path, `x-amz-checksum-crc32:${crc32Bytes('hello').toString('base64')}\r\n`))).status,
        200,
      )
      same('right: body', (await at.get('trailer')).bytes.toString(), 'hello')
    },
    INTEGRITY,
  ],
  [
    'a body without any checksum is given a CRC64NVME',
    async (at) => {
      same('status', (await at.raw({ method: 'PUT', path: `/${at.bucket}/bare`, body: Buffer.from(BODY) })).status, 200)
      const found = await at.head('bare', { ChecksumMode: 'ENABLED' })
      same('HEAD', found.ChecksumCRC64NVME, Buffer.from('ae8b14860a799888', 'hex').toString('base64'))
    },
    INTEGRITY,
  ],
  [
    'a right Content-MD5 is accepted, a wrong one and one that is no MD5 are refused',
    async (at) => {
      await at.put('digest', 'hello', { ContentMD5: md5('hello').toString('base64') })
      await refused('wrong', at.put('refused', 'hello', { ContentMD5: md5('x').toString('base64') }), '400 BadDigest')
      await refused('no MD5', at.put('refused', 'hello', { ContentMD5: 'aGVsbG8=' }), '400 InvalidDigest')
      await absent(at, 'refused')
    },
    'Error responses',
  ],
  [
    'a body other than the one that was signed is refused',
    async (at) => {
      const hash = createHash('sha256').update('x').digest('hex')
      const reply = await at.raw({ method: 'PUT', path: `/${at.bucket}/refused`, body: Buffer.from('hello'), hash })
      refusedRaw('PUT', reply, '400 XAmzContentSHA256Mismatch')
      await absent(at, 'refused')
    },
    'Signature calculations for the Authorization header',
  ],
  [
    'the listing names the checksum algorithm of each object',
    async (at) => {
      await at.put('sum', 'x', { ChecksumAlgorithm: 'SHA256' })
      same('listing', (await at.list()).Contents?.[0]?.ChecksumAlgorithm, ['SHA256'])
    },
    'ListObjectsV2',
  ],
  [
    'GetObjectAttributes has size, storage class and checksum',
    async (at) => {
      await at.put('attributes', 'hello', { ChecksumAlgorithm: 'CRC32' })
      const found = await at.client.send(
        new GetObjectAttributesCommand({
          Bucket: at.bucket,
          Key: 'attributes',
          ObjectAttributes: [
            ObjectAttributes.CHECKSUM,
            ObjectAttributes.OBJECT_SIZE,
            ObjectAttributes.STORAGE_CLASS,
            ObjectAttributes.ETAG,
          ],
        }),
      )
      same('size', found.ObjectSize, 5)
      same('checksum', [found.Checksum?.ChecksumCRC32, found.Checksum?.ChecksumType], ['NhCmhg==', 'FULL_OBJECT'])
      same('storage class', found.StorageClass, 'STANDARD')
      same('ETag', found.ETag?.replaceAll('"', ''), md5('hello').toString('hex'))
    },
    'GetObjectAttributes',
  ],
  [
    'GetObjectAttributes has the parts of an upload with checksums',
    async (at) => {
      const id = await at.open('parts', { ChecksumAlgorithm: 'CRC32' })
      const parts = []
      for (const [index, body] of [PART, TAIL].entries())
        parts.push(await at.part('parts', id, index + 1, body, { ChecksumAlgorithm: 'CRC32' }))
      await at.complete('parts', id, parts)
      const { ObjectParts } = await at.client.send(
        new GetObjectAttributesCommand({ Bucket: at.bucket, Key: 'parts', ObjectAttributes: [ObjectAttributes.OBJECT_PARTS] }),
      )
      same('count', ObjectParts?.TotalPartsCount, 2)
      same(
        'parts',
        ObjectParts?.Parts?.map(({ PartNumber, Size, ChecksumCRC32 }) => [PartNumber, Size, ChecksumCRC32]),
        [PART, TAIL].map((body, index) => [index + 1, body.length, crc32Bytes(body).toString('base64')]),
      )
    },
    'GetObjectAttributes',
  ],
])

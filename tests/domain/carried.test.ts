import fc from 'fast-check'
import { carried, carriedHash, carriedTags, optionsHash } from '../../layers/core/domain/carried'
import type { Carry } from '../../layers/core/domain/migration'
import type { ObjectInfo } from '../../layers/core/domain/object-store'

const ETAG = '0123456789abcdef0123456789abcdef'
const NOW = new Date('2026-11-26T00:00:00Z')

const info = (more: Partial<ObjectInfo> = {}): ObjectInfo => ({
  ...{ size: 1, etag: `"${ETAG}"`, lastModified: '2026-01-02T03:04:05.678Z', headers: { metadata: {} } },
  ...more,
})

const asked = (carry: Partial<Carry> = {}, kmsKey: string | null = null) => ({
  carry: { storageClass: 'STANDARD' as const, tags: false, retention: false, versions: 'current' as const, ...carry },
  destination: { kmsKey },
})

const of = (more: Partial<ObjectInfo> = {}, carry: Partial<Carry> = {}, listedClass?: string) =>
  carried(info(more), asked(carry), listedClass, NOW)

const ours = { mtime: '1767323045.678', 'source-etag': ETAG }
const oursBytes = Object.entries(ours).reduce((sum, [name, value]) => sum + name.length + value.length, 0)

describe('headers and metadata', () => {
  test('go as they are, with the source’s Last-Modified and ETag beside them', () => {
    const headers = {
      contentType: 'text/plain',
      contentEncoding: 'gzip',
      contentLanguage: 'de',
      contentDisposition: 'attachment; filename="a b"',
      cacheControl: 'no-store',
      expires: 'Thu, 01 Jan 2026 00:00:00 GMT',
    }
    expect(of({ headers: { ...headers, metadata: { owner: 'me' } } })).toEqual({
      options: { headers: { ...headers, metadata: { ...ours, owner: 'me' } } },
      notCarried: [],
    })
  })
  test.each([
    ['aws-chunked', undefined],
    ['aws-chunked,gzip', 'gzip'],
    ['gzip, aws-chunked', 'gzip'],
  ])('an encoding %s, which Amazon S3 keeps for no object, is told and not sent', (contentEncoding, kept) => {
    const { options, notCarried } = of({ headers: { contentEncoding, metadata: {} } })
    expect(options.headers?.contentEncoding).toBe(kept)
    expect(notCarried).toEqual([{ what: 'content-encoding', reason: expect.stringContaining('aws-chunked') }])
  })
  test('an mtime of the object’s own is left alone', () => {
    expect(of({ headers: { metadata: { mtime: '1' } } })).toEqual({
      options: { headers: { metadata: { ...ours, mtime: '1' } } },
      notCarried: [],
    })
  })
  test('source-etag is ours, and another value of the object’s own is told', () => {
    const own = of({ headers: { metadata: { 'source-etag': 'older' } } })
    expect(own.options.headers?.metadata).toEqual(ours)
    expect(own.notCarried).toEqual([{ what: 'metadata source-etag', reason: expect.stringContaining('older') }])
    expect(of({ headers: { metadata: { 'source-etag': ETAG } } }).notCarried).toEqual([])
  })
  test('what exceeds 2,048 bytes is told by name, in order of names; ours keep their room', () => {
    const room = 2048 - oursBytes
    const exact = of({ headers: { metadata: { b: 'x'.repeat(room - 1) } } })
    expect(exact.notCarried).toEqual([])
    const over = of({ headers: { metadata: { c: 'small', b: 'x'.repeat(room), a: 'first' } } })
    expect(over.options.headers?.metadata).toEqual({ ...ours, a: 'first', c: 'small' })
    expect(over.notCarried).toEqual([{ what: 'metadata b', reason: expect.stringContaining('2048') }])
  })
  test('what no header can hold is told by name, and metadata called __proto__ is kept', () => {
    const metadata = Object.fromEntries([
      ['two words', 'x'],
      ['line', 'a\nb'],
      ['__proto__', 'kept'],
    ])
    const found = of({ headers: { contentType: 'text/\u0000', metadata } })
    expect(found.options.headers).toEqual({ metadata: Object.fromEntries([...Object.entries(ours), ['__proto__', 'kept']]) })
    expect(found.notCarried.map(({ what }) => what)).toEqual(['content-type', 'metadata line', 'metadata two words'])
  })
  test('what the source cannot send and what acts is told', () => {
    expect(of({ unsendable: 2, redirects: true }).notCarried.map(({ what }) => what)).toEqual(['metadata', 'redirect'])
  })
  test('nothing is lost in silence, and Amazon S3’s limit always holds', () => {
    const entries = fc.dictionary(fc.stringMatching(/^[a-z ]{1,20}$/), fc.string({ maxLength: 900, unit: 'binary' }), { maxKeys: 12 })
    fc.assert(
      fc.property(entries, (metadata) => {
        const { options, notCarried } = of({ headers: { metadata } })
        const written = options.headers!.metadata
        const size = Object.entries(written).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0)
        expect(size).toBeLessThanOrEqual(2048)
        for (const [name, value] of Object.entries(metadata))
          expect(written[name] === value || notCarried.some(({ what }) => what === `metadata ${name}`)).toBe(true)
        expect(written).toMatchObject({ 'source-etag': ETAG })
      }),
    )
  })
})

describe('storage class', () => {
  const written = (carry: Carry['storageClass'], listed?: string) => of({}, { storageClass: carry }, listed)
  test('STANDARD for everything, unless asked for', () => {
    expect(written('STANDARD', 'GLACIER_IR').options.storageClass).toBeUndefined()
    expect(written('STANDARD_IA').options.storageClass).toBe('STANDARD_IA')
  })
  test('kept', () => {
    expect(written('keep').options.storageClass).toBeUndefined()
    expect(written('keep', 'ONEZONE_IA').options.storageClass).toBe('ONEZONE_IA')
    const foreign = written('keep', 'COLDLINE')
    expect(foreign.options.storageClass).toBeUndefined()
    expect(foreign.notCarried).toEqual([{ what: 'storage-class', reason: expect.stringContaining('COLDLINE') }])
  })
  test('mapped by the listed class, * for any other, else STANDARD', () => {
    const map: Carry['storageClass'] = { COLDLINE: 'GLACIER_IR', STANDARD: 'INTELLIGENT_TIERING' }
    expect(written(map, 'COLDLINE').options.storageClass).toBe('GLACIER_IR')
    expect(written(map).options.storageClass).toBe('INTELLIGENT_TIERING')
    expect(written(map, 'NEARLINE')).toMatchObject({ options: {}, notCarried: [] })
    expect(written(map, 'constructor').options.storageClass).toBeUndefined()
    expect(written({ ...map, '*': 'STANDARD_IA' }, 'NEARLINE').options.storageClass).toBe('STANDARD_IA')
  })
})

describe('retention', () => {
  const until = '2027-01-01T00:00:00.000Z'
  const lock = { retention: { mode: 'GOVERNANCE' as const, until }, hold: false }
  test('is not looked at unless asked for', () => expect(of({ lock })).toEqual(of()))
  test('goes with its date, and so does a hold', () => {
    expect(of({ lock }, { retention: true }).options.lock).toEqual(lock)
    expect(of({ lock: { hold: true } }, { retention: true }).options.lock).toEqual({ hold: true })
    expect(of({ lock: { hold: false } }, { retention: true }).options.lock).toBeUndefined()
  })
  test('that has ended is told; a hold beside it goes', () => {
    const ended = { retention: { mode: 'COMPLIANCE' as const, until: NOW.toISOString() }, hold: true }
    const found = of({ lock: ended }, { retention: true })
    expect(found.options.lock).toEqual({ hold: true })
    expect(found.notCarried).toEqual([{ what: 'retention', reason: expect.stringContaining('has ended') }])
  })
})

test('the key of the destination is named with every write', () => {
  expect(carried(info(), asked({}, 'arn:aws:kms:x'), undefined, NOW).options.kmsKey).toBe('arn:aws:kms:x')
  expect(of().options).not.toHaveProperty('kmsKey')
})

describe('tags', () => {
  test('that Amazon S3 takes go, each other one is told', () => {
    const good = { name: 'Grüße 1:/=+-@._', value: '値' }
    const found = carriedTags([
      good,
      { name: 'a'.repeat(129), value: '' },
      { name: 'long', value: 'x'.repeat(257) },
      { name: 'emoji', value: '🚚' },
      { name: 'aws:x', value: '' },
      { name: '', value: '' },
    ])
    expect(found.tags).toEqual([good])
    expect(found.notCarried).toHaveLength(5)
  })
  test('a name that comes twice: the first is kept, for Amazon S3 refuses a write with both', () => {
    const found = carriedTags([
      { name: 'a', value: '1' },
      { name: 'a', value: '2' },
      { name: 'A', value: '3' },
    ])
    expect(found.tags.map(({ value }) => value)).toEqual(['1', '3'])
    expect(found.notCarried).toEqual([{ what: 'tag a', reason: expect.stringContaining('twice') }])
  })
  test('beyond the tenth have no place', () => {
    const tags = Array.from({ length: 12 }, (_, index) => ({ name: `t${index}`, value: '' }))
    const found = carriedTags(tags)
    expect(found.tags).toEqual(tags.slice(0, 10))
    expect(found.notCarried.map(({ what }) => what)).toEqual(['tag t10', 'tag t11'])
  })
})

describe('the hash of what was carried', () => {
  const options = of({ headers: { contentType: 'text/plain', metadata: { owner: 'me' } } }, { storageClass: 'STANDARD_IA' }).options
  const stored = (more: Partial<ObjectInfo> = {}) => ({ ...info(more), headers: options.headers!, storageClass: 'STANDARD_IA', ...more })

  test('is that of the object as the destination answers it', () => {
    expect(carriedHash(options)).toMatch(/^[0-9a-f]{16}$/)
    expect(carriedHash(stored({ encryption: 'aws:kms', lastModified: NOW.toISOString() }))).toBe(carriedHash(options))
    expect(carriedHash({ ...options, storageClass: 'STANDARD' })).toBe(carriedHash({ headers: options.headers }))
    const type = (contentType?: string) => carriedHash({ headers: { contentType, metadata: {} } })
    expect(type('binary/octet-stream')).toBe(type())
    expect(type('text/html')).not.toBe(type())
  })
  test('differs for every altered header, entry and class', () => {
    const { metadata, ...system } = options.headers!
    const altered = [
      stored({ storageClass: 'STANDARD' }),
      stored({ headers: { ...options.headers!, contentType: 'text/html' } }),
      stored({ headers: { ...options.headers!, cacheControl: 'no-store' } }),
      stored({ headers: { ...system, metadata: { ...metadata, owner: 'you' } } }),
      stored({ headers: { ...system, metadata: { ...metadata, mtime: '1' } } }),
      stored({ headers: { ...system, metadata: { ...metadata, more: '' } } }),
    ].map(carriedHash)
    expect(new Set([...altered, carriedHash(options)]).size).toBe(altered.length + 1)
  })
  test('is the same for metadata that Amazon S3 answers as encoded words', () => {
    // the example of the Amazon S3 user guide, "Working with object metadata"
    const sent = Buffer.from('ÄMÄZÕÑ S3', 'utf8').toString('latin1')
    const answered = '=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?='
    const hash = (nonascii: string) => carriedHash({ headers: { metadata: { nonascii } } })
    expect(hash(answered)).toBe(hash(sent))
    expect(hash('=?UTF-8?Q?a_=C3=A4?= =?UTF-8?Q?b?=')).toBe(hash('a äb'))
  })
  test('an upload is not gone on with if its tags, lock or key differ', () => {
    const hashes = [
      options,
      { ...options, tags: [{ name: 'a', value: 'b' }] },
      { ...options, lock: { hold: true } },
      { ...options, kmsKey: 'arn' },
    ].map(optionsHash)
    expect(new Set(hashes).size).toBe(4)
  })
})

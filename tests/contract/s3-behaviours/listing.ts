import type * as S3 from '@aws-sdk/client-s3'
import { absent, allKeys, group, refused, same, utf8Order, type Place } from './behaviour'
import { ODD_KEYS } from './keys'

const V2 = 'ListObjectsV2'
const V1 = 'ListObjects'
const ORDER = 'Listing object keys programmatically'
const TREE = ['a', 'b/1', 'b/2', 'b/c/3', 'd', 'e/', 'e//f', 'g/1']

const fill = async (at: Place, keys: readonly string[]): Promise<void> => {
  for (const key of keys) await at.put(key)
}

const names = ({
  Contents = [],
  CommonPrefixes = [],
}: {
  Contents?: S3._Object[] | undefined
  CommonPrefixes?: S3.CommonPrefix[] | undefined
}) => [...Contents.map(({ Key }) => Key), ...CommonPrefixes.map(({ Prefix }) => Prefix)]

export const listing = group('listing', [
  [
    'an empty bucket lists as nothing, and not as truncated',
    async (at) => {
      const page = await at.list()
      same('count', [page.KeyCount, page.Contents?.length ?? 0, page.IsTruncated], [0, 0, false])
      const old = await at.listV1()
      same('version 1', [old.Contents?.length ?? 0, old.IsTruncated], [0, false])
    },
    V2,
  ],
  [
    'keys come in the order of their UTF-8 bytes',
    async (at) => {
      // JavaScript, which compares UTF-16, has the last two the other way round.
      const keys = ['a', 'B', 'á', '/', '0', '\ue000', '😀', 'a/', 'a0', 'A', '~', 'z\u0301']
      await fill(at, keys)
      same('version 2', await allKeys(at), [...keys].sort(utf8Order))
      same('version 1', names(await at.listV1()), [...keys].sort(utf8Order))
    },
    ORDER,
  ],
  [
    'every odd key is listed exactly, url-encoded and page by page',
    async (at) => {
      const keys = ODD_KEYS.map(([, key]) => key)
      const refusedKeys: string[] = []
      for (const key of keys) await at.put(key).catch(() => refusedKeys.push(key))
      same('keys refused', refusedKeys.length, 0)
      const wanted = JSON.stringify([...keys].sort(utf8Order))
      same('one page', JSON.stringify(await allKeys(at)) === wanted, true)
      same('pages of 4', JSON.stringify(await allKeys(at, { MaxKeys: 4 })) === wanted, true)
    },
    V2,
  ],
  [
    'a listing goes on after any odd key, by start-after and by marker',
    async (at) => {
      const keys = ['a//b', '/lead', '../x', 'a+b c', 'x%41', '<&>"', 'é', 'cafe\u0301', '😀', '\ue000', 'dir', 'dir/', '~'].sort(utf8Order)
      await fill(at, keys)
      for (const [index, key] of keys.entries()) {
        const wanted = keys.slice(index + 1, index + 2)
        same(`start-after ${key}`, names(await at.list({ StartAfter: key, MaxKeys: 1 })), wanted)
        same(`marker ${key}`, names(await at.listV1({ Marker: key, MaxKeys: 1 })), wanted)
      }
    },
    V2,
  ],
  [
    'pages have max-keys objects, and the token leads through all of them once',
    async (at) => {
      const keys = Array.from({ length: 25 }, (_, index) => `p/${String(index).padStart(3, '0')}`)
      await fill(at, keys)
      const pages: (string | undefined)[][] = []
      let ContinuationToken: string | undefined
      do {
        const page: S3.ListObjectsV2CommandOutput = await at.list({ MaxKeys: 10, ContinuationToken })
        same('KeyCount', page.KeyCount, page.Contents?.length)
        same('IsTruncated', page.IsTruncated, page.NextContinuationToken !== undefined)
        pages.push(names(page))
        ContinuationToken = page.NextContinuationToken
      } while (ContinuationToken !== undefined && pages.length < 5)
      same(
        'pages',
        pages.map(({ length }) => length),
        [10, 10, 5],
      )
      same('keys', pages.flat(), keys)
    },
    V2,
  ],
  [
    'a page has at most 1,000 objects, whatever max-keys says',
    async (at) => {
      const keys = Array.from({ length: 1001 }, (_, index) => `k${String(index).padStart(4, '0')}`)
      for (let from = 0; from < keys.length; from += 16) await Promise.all(keys.slice(from, from + 16).map((key) => at.put(key)))
      const page = await at.list({ MaxKeys: 5000 })
      same('first page', [page.Contents?.length, page.KeyCount, page.IsTruncated], [1000, 1000, true])
      same('next page', names(await at.list({ ContinuationToken: page.NextContinuationToken })), ['k1000'])
      same('version 1', (await at.listV1({ MaxKeys: 5000 })).Contents?.length, 1000)
    },
    V2,
  ],
  [
    'max-keys 0 is an empty page that is not truncated',
    async (at) => {
      await fill(at, ['a'])
      const page = await at.list({ MaxKeys: 0 })
      same('page', [page.KeyCount, page.Contents?.length ?? 0, page.IsTruncated], [0, 0, false])
    },
  ],
  [
    'a max-keys below 0 and a token that is none are refused',
    async (at) => {
      await refused('max-keys -1', at.list({ MaxKeys: -1 }), '400 InvalidArgument')
      await refused('token', at.list({ ContinuationToken: '!' }), '400 InvalidArgument')
    },
    'Error responses',
  ],
  [
    'start-after need not be a key, and begins behind it',
    async (at) => {
      await fill(at, ['a', 'c', 'e'])
      same('a key', names(await at.list({ StartAfter: 'c' })), ['e'])
      same('no key', names(await at.list({ StartAfter: 'b' })), ['c', 'e'])
      same('behind all', names(await at.list({ StartAfter: 'z' })), [])
    },
    V2,
  ],
  [
    'a prefix is literal, and ends anywhere in a key',
    async (at) => {
      await fill(at, ['ab', 'abc', 'a.c', 'a*c', 'A', 'b'])
      same('ab', names(await at.list({ Prefix: 'ab' })), ['ab', 'abc'])
      same('a.', names(await at.list({ Prefix: 'a.' })), ['a.c'])
      same('a*', names(await at.list({ Prefix: 'a*' })), ['a*c'])
      same('prefix and start-after', names(await at.list({ Prefix: 'ab', StartAfter: 'ab' })), ['abc'])
    },
    'Organizing objects using prefixes',
  ],
  [
    'a delimiter rolls keys up, below a prefix too',
    async (at) => {
      await fill(at, TREE)
      same('all', names(await at.list({ Delimiter: '/' })), ['a', 'd', 'b/', 'e/', 'g/'])
      same('below b/', names(await at.list({ Delimiter: '/', Prefix: 'b/' })), ['b/1', 'b/2', 'b/c/'])
      same('below e/', names(await at.list({ Delimiter: '/', Prefix: 'e/' })), ['e/', 'e//'])
      same('KeyCount', (await at.list({ Delimiter: '/' })).KeyCount, 5)
    },
    'Organizing objects using prefixes',
  ],
  [
    'each common prefix is on one page only, and counts as one',
    async (at) => {
      await fill(at, TREE)
      const found: (string | undefined)[] = []
      let ContinuationToken: string | undefined
      do {
        const page: S3.ListObjectsV2CommandOutput = await at.list({ Delimiter: '/', MaxKeys: 1, ContinuationToken })
        same('KeyCount', page.KeyCount, 1)
        found.push(...names(page))
        ContinuationToken = page.NextContinuationToken
      } while (ContinuationToken !== undefined && found.length < 20)
      same('pages of 1', found, ['a', 'b/', 'd', 'e/', 'g/'])
    },
    V2,
  ],
  [
    'a delimiter may have several characters',
    async (at) => {
      await fill(at, ['a--b', 'a--c', 'a-d', 'e'])
      same('--', names(await at.list({ Delimiter: '--' })), ['a-d', 'e', 'a--'])
    },
    V2,
  ],
  [
    'version 1 has a next marker with a delimiter and none without',
    async (at) => {
      await fill(at, TREE)
      const found: (string | undefined)[] = []
      let Marker: string | undefined
      do {
        const page: S3.ListObjectsCommandOutput = await at.listV1({ Delimiter: '/', MaxKeys: 1, Marker })
        found.push(...names(page))
        Marker = page.NextMarker
      } while (Marker !== undefined && found.length < 20)
      same('pages of 1', found, ['a', 'b/', 'd', 'e/', 'g/'])
      const bare = await at.listV1({ MaxKeys: 1 })
      same('without a delimiter', [bare.IsTruncated, bare.NextMarker], [true, undefined])
    },
    V1,
  ],
  [
    'no owner is listed unless it is asked for',
    async (at) => {
      await fill(at, ['a'])
      same('unasked', (await at.list()).Contents?.[0]?.Owner, undefined)
      same('asked', typeof (await at.list({ FetchOwner: true })).Contents?.[0]?.Owner?.ID, 'string')
    },
    V2,
  ],
  [
    'what was written is listed at once, and what was deleted is not',
    async (at) => {
      for (let round = 0; round < 5; round++) {
        await at.put(`k${round}`)
        same('written', (await allKeys(at)).includes(`k${round}`), true)
        await at.remove(`k${round}`)
        same('deleted', (await allKeys(at)).includes(`k${round}`), false)
      }
      await absent(at, 'k0')
    },
    'Amazon S3 data consistency model',
  ],
])

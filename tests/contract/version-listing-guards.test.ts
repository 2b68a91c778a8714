import { SourceListingBroken } from '../../layers/core/domain/errors'
import type { ListedVersion, ListQuery, ObjectStore } from '../../layers/core/domain/object-store'
import { page, versionsXml, versionXml, type ListedVersionEntry } from '../support/lying-source'
import { lyingStores } from '../support/lying-store'

const ALL: ListQuery = { prefix: Buffer.alloc(0) }

const { source, storeOf } = lyingStores()

const listed = async (store: ObjectStore, query: ListQuery = ALL): Promise<ListedVersion[]> => {
  const versions: ListedVersion[] = []
  for await (const each of store.listVersions(query)) versions.push(...each)
  return versions
}

const told = (versions: readonly ListedVersion[]): string[] =>
  versions.map(
    ({ key, versionId, latest, deleteMarker }) =>
      `${key.toString()} ${versionId}${latest ? ' latest' : ''}${deleteMarker ? ' marker' : ''}`,
  )

const old = (key: string, id: string): ListedVersionEntry => ({ key, id, latest: 'false' })
const latest = (key: string, id: string): ListedVersionEntry => ({ key, id })
const marker = (key: string, id: string, isLatest = false): ListedVersionEntry => ({ key, id, latest: String(isLatest), marker: true })

interface Guard {
  lie: string
  honest: string[]
  lying: string[]
  holds: string[]
  query?: ListQuery
  words: RegExp
}

const HOLDS = ['a 2 latest', 'a m marker', 'a 1', 'b 3 latest marker']
const honestPage = versionsXml([latest('a', '2'), marker('a', 'm'), old('a', '1'), marker('b', '3', true)])
const oneGuard = (lie: string, lying: string, words: RegExp): Guard => ({ lie, honest: [honestPage], lying: [lying], holds: HOLDS, words })
const swapped = (from: string | RegExp, to: string): string => {
  const lying = honestPage.replace(from, to)
  if (lying === honestPage) throw new Error(`nothing was swapped: ${String(from)}`)
  return lying
}

const guards: Guard[] = [
  oneGuard('an empty body', '', /is no list/),
  oneGuard('a list of objects', honestPage.replaceAll('ListVersionsResult', 'ListBucketResult'), /is no list/),
  oneGuard('a reply cut off in the middle', honestPage.slice(0, -60), /is no list/),
  oneGuard('a DOCTYPE', swapped('<ListVersionsResult', '<!DOCTYPE x [<!ENTITY e "a">]><ListVersionsResult'), /is no list/),
  oneGuard('no IsTruncated', swapped('<IsTruncated>false</IsTruncated>', ''), /whether it is truncated/),
  oneGuard('truncated without an entry or a marker', versionsXml([], { more: true }), /neither a version nor a marker/),
  oneGuard('a version without an id', swapped('<VersionId>2</VersionId>', ''), /no id/),
  oneGuard('a marker without an id', swapped('<VersionId>m</VersionId>', '<VersionId></VersionId>'), /no id/),
  oneGuard('no IsLatest', swapped('<IsLatest>true</IsLatest>', ''), /whether it is the latest/),
  oneGuard('an empty key', swapped('<Key>a</Key>', '<Key></Key>'), /key is empty/),
  oneGuard('a version without a size, which is no delete marker', swapped('<Size>1</Size>', ''), /no whole number/),
  oneGuard('a version without an ETag', swapped('<ETag>&quot;0&quot;</ETag>', ''), /no ETag/),
  oneGuard('a date that is none', swapped('2024-01-02T03:04:05.000Z', 'yesterday'), /no date/),
  oneGuard('an empty entry', swapped('<DeleteMarker>', '<DeleteMarker/><DeleteMarker>'), /an entry is empty/),
  oneGuard('an entry in a comment', swapped('<DeleteMarker>', '<!-- <DeleteMarker> --><DeleteMarker>'), /stands where none belongs/),
  oneGuard('an entry within an entry', swapped('<Key>a</Key>', '<Key>a</Key><Version>x</Version>'), /stands where none belongs/),
  oneGuard('a version that comes twice', versionsXml([latest('a', '2'), old('a', '1'), old('a', '2')]), /comes twice/),
  oneGuard('an old version first', versionsXml([old('a', '1'), latest('a', '2')]), /does not stand first/),
  oneGuard('two that are the latest', versionsXml([latest('a', '2'), latest('a', '1')]), /does not stand first/),
  oneGuard('none that is the latest', versionsXml([latest('a', '2'), old('b', '1')]), /does not stand first/),
  oneGuard('keys out of order', versionsXml([latest('b', '1'), latest('a', '1')]), /repeated or out of byte order/),
  oneGuard('keys in UTF-16 order', versionsXml([latest('\u{1F600}', '1'), latest('\ue000', '1')]), /repeated or out of byte order/),
  oneGuard(
    'common prefixes nobody asked for',
    versionsXml([latest('a', '1')], { extra: '<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>' }),
    /common prefixes/,
  ),
  oneGuard(
    'delete markers behind versions that are older than they',
    versionsXml([latest('a', '2'), { ...old('a', '1'), lastModified: '2024-01-01T00:00:00.000Z' }, marker('a', 'm')]),
    /behind its versions and not among them/,
  ),
  {
    lie: 'the first page again',
    honest: [versionsXml([latest('a', '2')], { more: true }), versionsXml([old('a', '1')])],
    lying: [versionsXml([latest('a', '2')], { more: true }), versionsXml([latest('a', '2')])],
    holds: ['a 2 latest', 'a 1'],
    words: /comes twice/,
  },
  {
    lie: 'a marker that does not move, on pages without entries',
    honest: [
      versionsXml([], { more: true, extra: '<NextKeyMarker>k</NextKeyMarker>' }),
      versionsXml([], { more: true, extra: '<NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>1</NextVersionIdMarker>' }),
      versionsXml([latest('l', '1')]),
    ],
    lying: [versionsXml([], { more: true, extra: '<NextKeyMarker>k</NextKeyMarker>' })],
    holds: ['l 1 latest'],
    words: /marker does not move/,
  },
  {
    lie: 'pages without entries that never end',
    honest: [versionsXml([latest('a', '1')])],
    lying: Array.from({ length: 1001 }, (_, at) => versionsXml([], { more: true, extra: `<NextKeyMarker>k${1000 + at}</NextKeyMarker>` })),
    holds: ['a 1 latest'],
    words: /1000 truncated pages without a key/,
  },
  {
    lie: 'key-marker ignored',
    honest: [versionsXml([latest('c', '1')])],
    lying: [versionsXml([latest('a', '1'), latest('c', '1')])],
    query: { ...ALL, after: Buffer.from('b') },
    holds: ['c 1 latest'],
    words: /repeated or out of byte order/,
  },
  {
    lie: 'keys outside the prefix',
    honest: [versionsXml([latest('p/a', '1')])],
    lying: [versionsXml([latest('p/a', '1'), latest('q', '1')])],
    query: { prefix: Buffer.from('p/') },
    holds: ['p/a 1 latest'],
    words: /outside the prefix/,
  },
]

describe('a list of versions that cannot be trusted is an error, never a shorter list or another order', () => {
  test.each(guards.map((guard): [string, Guard] => [guard.lie, guard]))('%s', async (_, { honest, lying, holds, query, words }) => {
    const store = storeOf('aws')
    // the positive control: the same listing, told honestly
    source().answers(...honest.map(page))
    expect(told(await listed(store, query))).toEqual(holds)

    source().answers(...lying.map(page))
    const error = await listed(store, query).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SourceListingBroken)
    expect((error as Error).message).toMatch(words)
    expect((error as Error).message).toContain('listVersions bucket')
  })
})

describe('what is no lie', () => {
  test('an upload older by its date than the marker that stands behind it, where markers stand among versions', async () => {
    const upload = { ...latest('a', '3'), lastModified: '2024-01-01T00:00:00.000Z' }
    source().answers(page(versionsXml([upload, marker('a', 'm'), old('a', '1')])))
    expect(told(await listed(storeOf('aws')))).toEqual(['a 3 latest', 'a m marker', 'a 1'])
  })

  test('a version that has become the latest because the one of the page before is gone', async () => {
    source().answers(page(versionsXml([latest('a', '2')], { more: true })), page(versionsXml([latest('a', '1')])))
    expect(told(await listed(storeOf('aws')))).toEqual(['a 2 latest', 'a 1 latest'])
  })

  test('a store that begins with the key that was named, over several pages: they are left out', async () => {
    const store = storeOf('aws')
    source().answers(
      page(
        versionsXml([latest('a', '3'), old('a', '2')], {
          more: true,
          extra: '<NextKeyMarker>a</NextKeyMarker><NextVersionIdMarker>2</NextVersionIdMarker>',
        }),
      ),
      page(versionsXml([old('a', '1'), latest('b', '1')])),
    )
    expect(told(await listed(store, { ...ALL, after: Buffer.from('a') }))).toEqual(['b 1 latest'])
  })
})

describe('what is asked', () => {
  test('the next page begins behind the last version that was listed, whatever marker the store gives', async () => {
    const store = storeOf('aws')
    const extra = '<NextKeyMarker>z</NextKeyMarker><NextVersionIdMarker>9</NextVersionIdMarker><EncodingType>url</EncodingType>'
    source().answers(page(versionsXml([latest('p%2B%C3%A9', '2')], { more: true, extra })), page(versionsXml([old('p+é', '1')])))
    expect(told(await listed(store, { prefix: Buffer.from('p+'), after: Buffer.from('p+a'), pageSize: 7 }))).toEqual([
      'p+é 2 latest',
      'p+é 1',
    ])
    expect(source().heard.map(({ url }) => url)).toEqual([
      '/bucket?encoding-type=url&key-marker=p%2Ba&max-keys=7&prefix=p%2B&versions=',
      '/bucket?encoding-type=url&key-marker=p%2B%C3%A9&max-keys=7&prefix=p%2B&version-id-marker=2&versions=',
    ])
  })

  test('no url-encoding of a store that does not know it; it ends at the first key past upTo', async () => {
    const store = storeOf('other')
    source().answers(page(versionsXml([latest('a', '1'), latest('b', '1'), latest('c', '1')], { more: true })))
    expect(told(await listed(store, { ...ALL, upTo: Buffer.from('b') }))).toEqual(['a 1 latest', 'b 1 latest'])
    expect(source().heard.map(({ url }) => url)).toEqual(['/bucket?max-keys=1000&versions='])
  })

  test('keys are bytes, and sizes, ETags and classes those of versions', async () => {
    const store = storeOf('other')
    const [before = '', after = ''] = versionsXml([{ ...latest('@', 'x.y-z'), size: '7', etag: '&quot;e-2&quot;' }]).split('@')
    source().answers((_, response) =>
      response.writeHead(200).end(Buffer.concat([Buffer.from(before), Buffer.from([0xff, 0x41]), Buffer.from(after)])),
    )
    const [found] = await listed(store)
    expect(found?.key.toString('hex')).toBe('ff41')
    expect(found).toMatchObject({ size: 7, etag: '"e-2"', storageClass: 'STANDARD', versionId: 'x.y-z', latest: true, deleteMarker: false })
    expect(versionXml(marker('a', '1'))).not.toContain('Size')
  })
})

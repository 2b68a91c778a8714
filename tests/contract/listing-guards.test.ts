import { SourceListingBroken, StoreUnavailable } from '../../layers/core/domain/errors'
import type { Key } from '../../layers/core/domain/keys'
import type { ListedObject, ListQuery, ObjectStore } from '../../layers/core/domain/object-store'
import { entryXml, listXml, page, type ListedEntry } from '../support/lying-source'
import { lyingStores } from '../support/lying-store'

const ALL: ListQuery = { prefix: Buffer.alloc(0) }

const { source, storeOf } = lyingStores()

const listed = async (store: ObjectStore, query: ListQuery = ALL): Promise<ListedObject[]> => {
  const objects: ListedObject[] = []
  for await (const each of store.list(query)) objects.push(...each)
  return objects
}

const keys = (...names: string[]): ListedEntry[] => names.map((key) => ({ key }))
const bytes = (text: string): Key => Buffer.from(text, 'utf8')
const tokenOf = (url: string | undefined): string | null => new URLSearchParams(url?.split('?')[1]).get('continuation-token')

interface Guard {
  lie: string
  honest: (string | Buffer)[]
  lying: (string | Buffer)[]
  /** keys the honest replies hold */
  holds: string[]
  query?: ListQuery
  words: RegExp
}

const honestPage = listXml(keys('a', 'b'))
const oneGuard = (lie: string, lying: string | Buffer, words: RegExp): Guard => ({
  lie,
  honest: [honestPage],
  lying: [lying],
  holds: ['a', 'b'],
  words,
})

const guards: Guard[] = [
  oneGuard('an empty body', '', /is no list/),
  oneGuard('an HTML login page', '<html><body>log in</body></html>', /is no list/),
  oneGuard('another document', honestPage.replaceAll('ListBucketResult', 'ListAllMyBucketsResult'), /is no list/),
  oneGuard('a reply cut off in the middle', honestPage.slice(0, -60), /is no list/),
  oneGuard('no IsTruncated', honestPage.replace('<IsTruncated>false</IsTruncated>', ''), /whether it is truncated/),
  oneGuard('an IsTruncated that is no boolean', honestPage.replace('>false<', '>no<'), /whether it is truncated/),
  oneGuard(
    'IsTruncated twice',
    honestPage.replace('<IsTruncated>', '<IsTruncated>true</IsTruncated><IsTruncated>'),
    /whether it is truncated/,
  ),
  oneGuard('truncated without a token', honestPage.replace('>false<', '>true<'), /without a continuation token/),
  oneGuard('truncated with an empty token', listXml(keys('a', 'b'), { more: '' }), /without a continuation token/),
  oneGuard('an empty key', listXml(keys('', 'b')), /key is empty/),
  oneGuard('no key', honestPage.replace('<Key>a</Key>', ''), /key is empty/),
  oneGuard('two keys in one entry', honestPage.replace('<Key>a</Key>', '<Key>a</Key><Key>a1</Key>'), /key is empty or cannot be read/),
  oneGuard('a key in CDATA', honestPage.replace('<Key>a</Key>', '<Key><![CDATA[a]]></Key>'), /key is empty or cannot be read/),
  oneGuard('an unknown entity in a key', honestPage.replace('<Key>a</Key>', '<Key>a&nothing;</Key>'), /key is empty or cannot be read/),
  oneGuard('half a surrogate in a key', honestPage.replace('<Key>a</Key>', '<Key>&#xD83D;</Key>'), /key is empty or cannot be read/),
  oneGuard(
    'a % without digits in a url-encoded key',
    listXml(keys('a%2', 'b'), { extra: '<EncodingType>url</EncodingType>' }),
    /cannot be read/,
  ),
  oneGuard('an empty entry', honestPage.replace('<Contents>', '<Contents/><Contents>'), /an entry is empty/),
  oneGuard('a DOCTYPE', honestPage.replace('<ListBucketResult', '<!DOCTYPE x [<!ENTITY e "a">]><ListBucketResult'), /is no list/),
  oneGuard('an ENTITY in small letters', honestPage.replace('<Key>', '<!entity e "a"><Key>'), /is no list/),
  ...['-1', '1.5', '1e3', 'many', '', '9007199254740992', ' 1'].map((size) =>
    oneGuard(`a size of ${JSON.stringify(size)}`, listXml([{ key: 'a', size }, { key: 'b' }]), /no whole number/),
  ),
  oneGuard('no ETag', listXml([{ key: 'a', etag: '' }]), /no ETag/),
  oneGuard('a date that is none', listXml([{ key: 'a', lastModified: 'yesterday' }]), /no date/),
  oneGuard('a key repeated in a page', listXml(keys('a', 'a')), /repeated or out of byte order/),
  oneGuard('keys out of order', listXml(keys('b', 'a')), /repeated or out of byte order/),
  oneGuard('keys in UTF-16 order', listXml(keys('\u{1F600}', '\ue000')), /repeated or out of byte order/),
  oneGuard(
    'common prefixes nobody asked for',
    listXml(keys('a', 'b'), { extra: '<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>' }),
    /common prefixes/,
  ),
  oneGuard(
    'a reply of more than 10 MB',
    Buffer.concat([Buffer.from(honestPage), Buffer.alloc(10_000_000, ' ')]),
    /more than 10000000 bytes/,
  ),
  {
    lie: 'a token that repeats',
    honest: [listXml(keys('a'), { more: 't1' }), listXml(keys('b'), { more: 't2' }), listXml(keys('c'))],
    lying: [listXml(keys('a'), { more: 't1' }), listXml(keys('b'), { more: 't1' }), listXml(keys('c'))],
    holds: ['a', 'b', 'c'],
    words: /token repeats/,
  },
  {
    lie: 'the first page again under another token',
    honest: [listXml(keys('a', 'b'), { more: 't1' }), listXml(keys('c'))],
    lying: [listXml(keys('a', 'b'), { more: 't1' }), listXml(keys('a', 'b'), { more: 't2' })],
    holds: ['a', 'b', 'c'],
    words: /repeated or out of byte order/,
  },
  {
    lie: 'a token of before that comes again amid pages without keys',
    honest: [listXml([], { more: 't1' }), listXml([], { more: 't2' }), listXml([], { more: 't3' }), listXml(keys('a'))],
    lying: [listXml([], { more: 't1' }), listXml([], { more: 't2' }), listXml([], { more: 't1' }), listXml(keys('a'))],
    holds: ['a'],
    words: /token repeats/,
  },
  {
    lie: 'pages without keys that never end',
    honest: [...Array.from({ length: 999 }, (_, at) => listXml([], { more: `t${at}` })), listXml(keys('a'))],
    lying: [...Array.from({ length: 1001 }, (_, at) => listXml([], { more: `t${at}` })), listXml(keys('a'))],
    holds: ['a'],
    words: /1000 truncated pages without a key/,
  },
  {
    lie: 'start-after ignored',
    honest: [listXml(keys('b', 'c'))],
    lying: [listXml(keys('a', 'b', 'c'))],
    query: { ...ALL, after: bytes('a') },
    holds: ['b', 'c'],
    words: /repeated or out of byte order/,
  },
  {
    lie: 'keys outside the prefix',
    honest: [listXml(keys('p/a', 'p/b'))],
    lying: [listXml(keys('p/a', 'q'))],
    query: { prefix: bytes('p/') },
    holds: ['p/a', 'p/b'],
    words: /outside the prefix/,
  },
]

describe('a list reply that cannot be trusted is an error, never a shorter list', () => {
  test.each(guards.map((guard): [string, Guard] => [guard.lie, guard]))('%s', async (_, { honest, lying, holds, query, words }) => {
    const store = storeOf('aws')
    // the positive control: the same listing, told honestly
    source().answers(...honest.map(page))
    expect((await listed(store, query)).map(({ key }) => key.toString())).toEqual(holds)

    source().answers(...lying.map(page))
    const error = await listed(store, query).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SourceListingBroken)
    expect((error as Error).message).toMatch(words)
    expect((error as Error).message).toContain('list bucket')
  })

  test('a reply that trickles is cut off at the time-out', async () => {
    const store = storeOf('aws')
    source().answers((_, response) => {
      response.writeHead(200)
      response.write('<ListBucketResult>')
      const drip = setInterval(() => response.write(' '), 100)
      response.on('close', () => clearInterval(drip))
    })
    const began = Date.now()
    expect(await listed(store).catch((error: unknown) => error)).toBeInstanceOf(StoreUnavailable)
    expect(Date.now() - began).toBeLessThan(4000)
    source().answers(page(honestPage))
    expect(await listed(store)).toHaveLength(2)
  })

  test('a reply that breaks off is StoreUnavailable, worth another try', async () => {
    const store = storeOf('aws')
    source().answers((_, response) => {
      response.writeHead(200, { 'content-length': '100000' })
      response.write(honestPage, () => response.destroy())
    })
    expect(await listed(store).catch((error: unknown) => error)).toBeInstanceOf(StoreUnavailable)
  })
})

describe('ListObjects with markers', () => {
  const truncated = (entries: ListedEntry[], extra = '') => listXml(entries, { extra }).replace('>false<', '>true<')

  test('goes on from the last key, as bytes', async () => {
    const store = storeOf('other')
    source().answers(page(truncated(keys('a', 'é&'))), page(truncated(keys('\u{1F600}'))), page(listXml(keys('\u{1F600}1'))))
    expect((await listed(store, { ...ALL, after: bytes('A b') })).map(({ key }) => key.toString())).toEqual([
      'a',
      'é&',
      '\u{1F600}',
      '\u{1F600}1',
    ])
    expect(source().heard.map(({ url }) => url)).toEqual([
      '/bucket?marker=A%20b&max-keys=1000',
      '/bucket?marker=%C3%A9%26&max-keys=1000',
      '/bucket?marker=%F0%9F%98%80&max-keys=1000',
    ])
  })

  test('takes NextMarker where a page has no key, and refuses one that stands still', async () => {
    const store = storeOf('other')
    source().answers(page(truncated([], '<NextMarker>m</NextMarker>')), page(listXml(keys('n'))))
    expect(await listed(store)).toHaveLength(1)
    expect(source().heard[1]?.url).toBe('/bucket?marker=m&max-keys=1000')

    source().answers(page(truncated([], '<NextMarker>m</NextMarker>')))
    await expect(listed(store)).rejects.toThrow(/marker does not move/)
    source().answers(page(truncated([])))
    await expect(listed(store)).rejects.toThrow(/neither a key nor a marker/)
  })
})

describe('what is asked and how it is read', () => {
  test('ListObjectsV2: start-after first, then only the token; url-encoding asked for', async () => {
    const store = storeOf('aws')
    source().answers(page(listXml(keys('p+/b'), { more: 'a+/=&amp;&#x3c;' })), page(listXml(keys('p+/c'))))
    await listed(store, { prefix: bytes('p+/'), after: bytes('p+/a'), pageSize: 7 })
    expect(source().heard.map(({ url }) => url)).toEqual([
      '/bucket?encoding-type=url&list-type=2&max-keys=7&prefix=p%2B%2F&start-after=p%2B%2Fa',
      '/bucket?continuation-token=a%2B%2F%3D%26%3C&encoding-type=url&list-type=2&max-keys=7&prefix=p%2B%2F',
    ])
    expect(tokenOf(source().heard[1]?.url)).toBe('a+/=&<')
  })

  test('ends at the first key past upTo, without asking for more', async () => {
    const store = storeOf('aws')
    source().answers(page(listXml(keys('a', 'b', 'c'), { more: 't' })))
    expect((await listed(store, { ...ALL, upTo: bytes('b') })).map(({ key }) => key.toString())).toEqual(['a', 'b'])
    expect(source().heard).toHaveLength(1)
  })

  test.each([
    ['url', 'a+b%2Bc%0D%0A%e9%FF', 'a b+c\r\n\u00e9\u00ff'],
    [undefined, 'a+b%2Bc', 'a+b%2Bc'],
  ])('keys with EncodingType %s are decoded only if the reply says so', async (encoding, sent, expected) => {
    const store = storeOf('aws')
    source().answers(page(listXml(keys(sent), encoding === undefined ? {} : { extra: `<EncodingType>${encoding}</EncodingType>` })))
    const [object] = await listed(store)
    expect(object?.key.toString('latin1')).toBe(expected)
  })

  test('bytes, references and white space of a key arrive as they are', async () => {
    const store = storeOf('other')
    const xml = (key: Buffer): Buffer => {
      const [before = '', after = ''] = listXml([])
        .replace('</ListBucketResult>', `${entryXml({ key: '@' })}</ListBucketResult>`)
        .split('@')
      return Buffer.concat([Buffer.from(before), key, Buffer.from(after)])
    }
    for (const [raw, expected] of [
      [Buffer.from([0xff, 0x80, 0x41]), 'ff8041'],
      [Buffer.from('é\u{1F600}'), Buffer.from('é\u{1F600}').toString('hex')],
      [Buffer.from('&#233;&#x1F600;&#13;&#1;&amp;lt;&lt;&gt;&quot;&apos;'), Buffer.from('é\u{1F600}\r\u0001&lt;<>"\'').toString('hex')],
      [Buffer.from('  a  '), Buffer.from('  a  ').toString('hex')],
      [Buffer.from('a\r\nb\rc\t'), Buffer.from('a\r\nb\rc\t').toString('hex')],
      [Buffer.from('007'), Buffer.from('007').toString('hex')],
      [Buffer.from('__proto__'), Buffer.from('__proto__').toString('hex')],
    ] as const) {
      source().answers(page(xml(raw)))
      expect((await listed(store)).map(({ key }) => key.toString('hex'))).toEqual([expected])
    }
  })

  test('ETag, size, date and storage class are read', async () => {
    const store = storeOf('aws')
    source().answers(
      page(listXml([{ key: 'a', size: '9007199254740991', etag: '&#34;e-2&#34;', lastModified: '2024-02-03T04:05:06.000Z' }])),
    )
    expect(await listed(store)).toEqual([
      { key: Buffer.from('a'), size: 9007199254740991, etag: '"e-2"', lastModified: '2024-02-03T04:05:06.000Z', storageClass: 'STANDARD' },
    ])
  })
})

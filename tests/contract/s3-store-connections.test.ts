import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { LookupAddress } from 'node:dns'
import { createServer, type Server } from 'node:https'
import { createServer as createPlainServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect as connectTls, type SecureContextOptions } from 'node:tls'
import {
  assertTlsIsChecked,
  EndpointUnreachable,
  InvalidRequest,
  s3Store,
  StoreRefused,
  StoreUnavailable,
  type S3StoreOptions,
} from '@drayage/core'
import type { Addresses, Resolver } from '../../layers/core/stores/s3/address-guard'
import { connectionOptions } from '../../layers/core/stores/s3/connection'
import { endpointProblem } from '../../layers/core/access/endpoint'
import { certificateAuthority, selfSigned, type Certified } from '../support/certificates'

const HOST = 's3.store.example'
const KEY = Buffer.from('k')

const authority = certificateAuthority('an authority of its own')

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

interface Store {
  port: number
  /** Host headers of the requests that arrived */
  heard: (string | undefined)[]
  /** connections that arrived, whatever became of them */
  arrived: () => number
}

/** A store that answers every request with the same empty object. */
const serve = async (certified: Certified | undefined, tls: SecureContextOptions = {}): Promise<Store> => {
  const heard: (string | undefined)[] = []
  const answer = (request: { headers: { host?: string | undefined }; resume(): unknown }, response: import('node:http').ServerResponse) => {
    heard.push(request.headers.host)
    request.resume()
    response.writeHead(200, { etag: '"e"', 'last-modified': new Date(0).toUTCString(), 'content-length': 0 }).end()
  }
  const server: Server | import('node:http').Server =
    certified === undefined ? createPlainServer(answer) : createServer({ key: certified.key, cert: certified.certificate, ...tls }, answer)
  let connections = 0
  server.on('connection', () => (connections += 1)).on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  opened.push({
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  })
  return { port: (server.address() as AddressInfo).port, heard, arrived: () => connections }
}

const credentials = async () => ({ accessKeyId: 'a-key', secretAccessKey: 'not-a-real-secret' })

const open = (endpoint: string, { ca, ...options }: Partial<S3StoreOptions> & { ca?: string } = {}) => {
  const store = s3Store({
    bucket: 'bucket',
    provider: 'minio',
    requestTimeoutMs: 2000,
    reach: { endpoint, region: 'us-east-1', credentials, ca },
    ...options,
  })
  opened.push(store)
  return store
}

const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

/** Both ways that requests take: our own HTTP, and client-s3. */
const bothWays = (store: ReturnType<typeof open>): Promise<unknown>[] => [
  thrownBy(store.stat(KEY)),
  thrownBy(store.abortUpload(KEY, 'upload')),
]

/** A resolver that answers these in turn; the last one stays. Every name is asked of it. */
const resolver = (...answers: string[][]): Resolver & { asked: string[] } => {
  const asked: string[] = []
  const resolve: Resolver = (name, _options, answer) => {
    const addresses = answers[Math.min(asked.length, answers.length - 1)]!
    asked.push(name)
    process.nextTick(() =>
      answer(
        null,
        addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
    )
  }
  return Object.assign(resolve, { asked })
}

const REFUSED_WORDS = /private, loopback, link-local or metadata address/

describe('an address that is no store’s', () => {
  const LITERALS = [
    '127.0.0.1',
    '[::1]',
    '169.254.169.254',
    '[::ffff:169.254.169.254]',
    '10.0.0.1',
    '0.0.0.0',
    '2130706433',
    '0x7f000001',
    '[fd00:ec2::254]',
  ]

  test.each(LITERALS)('%s as the endpoint itself', async (host) => {
    const store = await serve(undefined)
    for (const thrown of await Promise.all(bothWays(open(`http://${host}:${store.port}`, { addresses: 'public' })))) {
      expect(thrown).toBeInstanceOf(EndpointUnreachable)
      expect((thrown as Error).message).toMatch(REFUSED_WORDS)
    }
    expect(store.arrived()).toBe(0)
    expect(endpointProblem(`https://${host}`)).toMatch(/private, loopback/)
  })

  test('localhost, by the system’s own resolver', async () => {
    const store = await serve(undefined)
    for (const thrown of await Promise.all(bothWays(open(`http://localhost:${store.port}`, { addresses: 'public' })))) {
      expect(thrown).toBeInstanceOf(EndpointUnreachable)
    }
    expect(store.arrived()).toBe(0)
  })

  test.each([
    ...LITERALS.filter((host) => !/^(\d+|0x.*)$/.test(host)).map((host) => host.replace(/[[\]]/g, '')),
    '172.16.5.5',
    '192.168.1.1',
    '100.64.0.1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '224.0.0.1',
    '255.255.255.255',
    '2002:7f00:1::',
  ])('a name that resolves to %s', async (address) => {
    const store = await serve(undefined)
    const resolve = resolver([address])
    for (const thrown of await Promise.all(bothWays(open(`http://${HOST}:${store.port}`, { addresses: 'public', resolve })))) {
      expect(thrown).toBeInstanceOf(EndpointUnreachable)
      expect((thrown as Error).message).toMatch(REFUSED_WORDS)
      expect((thrown as Error).message).not.toContain(address)
    }
    expect(resolve.asked).toEqual([HOST, HOST])
    expect(store.arrived()).toBe(0)
  })

  test('one among public ones is enough', async () => {
    const store = await serve(undefined)
    for (const answers of [
      ['192.0.2.1', '127.0.0.1'],
      ['127.0.0.1', '192.0.2.1'],
      ['2001:db8::1', '::1'],
    ]) {
      const resolve = resolver(answers)
      for (const thrown of await Promise.all(bothWays(open(`http://${HOST}:${store.port}`, { addresses: 'public', resolve }))))
        expect((thrown as Error).message).toMatch(REFUSED_WORDS)
    }
    expect(store.arrived()).toBe(0)
  })

  test('a name that is public first and private the next time is checked each time', async () => {
    const store = await serve(undefined)
    // 192.0.2.0/24 is for documentation: nobody answers there, and asking fails some other way than being refused.
    const resolve = resolver(['192.0.2.1'], ['127.0.0.1'])
    const rebound = open(`http://${HOST}:${store.port}`, { addresses: 'public', resolve, requestTimeoutMs: 300 })
    const first = (await thrownBy(rebound.stat(KEY))) as Error
    const second = (await thrownBy(rebound.stat(KEY))) as Error
    expect(first.message).not.toMatch(REFUSED_WORDS)
    expect(second.message).toMatch(REFUSED_WORDS)
    expect(store.arrived()).toBe(0)
  })

  test('control: where any address may be reached, the same name and address lead to the store', async () => {
    const store = await serve(undefined)
    for (const host of ['localhost', '127.0.0.1', '2130706433', '[::ffff:127.0.0.1]']) {
      const reached = open(`http://${host}:${store.port}`)
      expect(await Promise.all([reached.stat(KEY), reached.abortUpload(KEY, 'upload')])).toMatchObject([{ etag: '"e"' }, undefined])
    }
    expect(store.heard).toHaveLength(8)
  })

  test.each<[Addresses, string, boolean]>([
    ['vpc', '10.0.0.1', true],
    ['vpc', '172.31.255.255', true],
    ['vpc', '192.168.0.1', true],
    ['vpc', '::ffff:10.0.0.1', true],
    ['vpc', '127.0.0.1', false],
    ['vpc', '169.254.169.254', false],
    ['vpc', '169.254.79.129', false],
    ['vpc', '::ffff:169.254.169.254', false],
    ['vpc', 'fd00:ec2::254', false],
    ['vpc', '::1', false],
    ['vpc', '0.0.0.0', false],
    ['vpc', '172.32.0.1', true],
    ['public', '10.0.0.1', false],
    ['public', '52.95.110.1', true],
    ['public', '2600:1fa0:8000::1', true],
  ])('%s: %s may be reached: %s', async (addresses, address, allowed) => {
    const { lookup } = connectionOptions({ addresses, ca: undefined, resolve: resolver([address]) })
    const answered = await new Promise<unknown[]>((resolve) => lookup!(HOST, {}, (...answer) => resolve(answer)))
    if (allowed) expect(answered).toEqual([null, address, address.includes(':') ? 6 : 4])
    else expect(answered[0]).toMatchObject({ code: 'ERR_DRAYAGE_ADDRESS' })
    const all = await new Promise<unknown[]>((resolve) => lookup!(HOST, { all: true }, (...answer) => resolve(answer)))
    if (allowed) expect(all[1]).toEqual([{ address, family: address.includes(':') ? 6 : 4 }])
    else expect(all[0]).toMatchObject({ code: 'ERR_DRAYAGE_ADDRESS' })
  })

  test('an answer without addresses is refused, and a resolver’s own failure passes', async () => {
    const nothing = connectionOptions({ addresses: 'public', ca: undefined, resolve: resolver([]) }).lookup!
    expect(await new Promise((resolve) => nothing(HOST, {}, (error) => resolve(error)))).toMatchObject({ code: 'ERR_DRAYAGE_ADDRESS' })
    const failing: Resolver = (_name, _options, answer) => answer(Object.assign(new Error('x'), { code: 'ENOTFOUND' }), [])
    const store = open(`http://${HOST}:1`, { addresses: 'public', resolve: failing })
    expect(await thrownBy(store.stat(KEY))).toMatchObject({ name: 'EndpointUnreachable', message: expect.stringContaining('ENOTFOUND') })
  })
})

describe('TLS', () => {
  const leaf = authority.certify('127.0.0.1')

  const errorsAt = async (store: Store, options: Parameters<typeof open>[1]): Promise<unknown[]> =>
    Promise.all(bothWays(open(`https://127.0.0.1:${store.port}`, options)))

  /** jest gives its sandbox an Error class of its own, so that client-s3 takes node's error for a foreign object and wraps its code away. */
  const expectNoConnection = ([own, sdk]: unknown[]): void => {
    expect(own).toBeInstanceOf(EndpointUnreachable)
    expect(sdk instanceof EndpointUnreachable || sdk instanceof StoreUnavailable).toBe(true)
  }

  test('what is said does not follow the environment', () => {
    for (const addresses of ['any', 'public', 'vpc'] as const)
      expect(connectionOptions({ addresses, ca: undefined })).toMatchObject({ minVersion: 'TLSv1.2', rejectUnauthorized: true })
  })

  test('nothing of the product turns the check of certificates off', () => {
    const turnsOff = (text: string): boolean => /rejectUnauthorized['"]?\s*[:=](?!\s*true\b)/.test(text)
    const files = ['layers', 'functions', 'cli'].flatMap((room) =>
      (readdirSync(room, { recursive: true }) as string[]).filter((name) => /\.[tj]s$/.test(name)).map((name) => `${room}/${name}`),
    )
    expect(files.length).toBeGreaterThan(100)
    expect(files.filter((name) => turnsOff(readFileSync(name, 'utf8')))).toEqual([])
    for (const text of ['rejectUnauthorized: false', '"rejectUnauthorized": !1', 'options.rejectUnauthorized = no'])
      expect(turnsOff(text)).toBe(true)
  })

  test('an authority of its own is refused until it is named, and then trusted', async () => {
    const store = await serve(leaf)
    expectNoConnection(await errorsAt(store, {}))
    expect(store.heard).toEqual([])
    for (const thrown of await errorsAt(store, { ca: authority.certificate })) expect(thrown).toBeUndefined()
    expect(store.heard).toHaveLength(2)
  })

  test('a certificate that vouches for itself is refused', async () => {
    const store = await serve(selfSigned('127.0.0.1'))
    expectNoConnection(await errorsAt(store, {}))
    expectNoConnection(await errorsAt(store, { ca: authority.certificate }))
    expect(store.heard).toEqual([])
  })

  test('the right authority for another host is refused', async () => {
    const store = await serve(authority.certify('other.example'))
    expectNoConnection(await errorsAt(store, { ca: authority.certificate }))
    expect(store.heard).toEqual([])
  })

  test('a named authority replaces all others: a certificate of another is refused', async () => {
    const store = await serve(certificateAuthority('another').certify('127.0.0.1'))
    expectNoConnection(await errorsAt(store, { ca: authority.certificate }))
    expect(store.heard).toEqual([])
  })

  test('TLS 1.1 is refused; control: who allows it is served', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    const store = await serve(leaf, old)
    expectNoConnection(await errorsAt(store, { ca: authority.certificate }))
    expect(store.heard).toEqual([])

    const control = connectTls({ host: '127.0.0.1', port: store.port, ca: authority.certificate, ...old })
    await once(control, 'secureConnect')
    expect(control.getProtocol()).toBe('TLSv1.1')
    control.destroy()
  })

  test('a start that was told to take any certificate is refused', () => {
    const refused = () => assertTlsIsChecked({ NODE_TLS_REJECT_UNAUTHORIZED: '0' })
    expect(refused).toThrow(InvalidRequest)
    expect(refused).toThrow(/NODE_TLS_REJECT_UNAUTHORIZED is 0.*unset it/)
    for (const env of [{}, { NODE_TLS_REJECT_UNAUTHORIZED: '1' }]) expect(() => assertTlsIsChecked(env)).not.toThrow()
  })
})

describe('a redirect', () => {
  test.each([301, 302, 307, 308])('%i is not followed: the other host hears nothing, so no signature either', async (status) => {
    const elsewhere = await serve(undefined)
    const hits: string[] = []
    const redirecting = createPlainServer((request, response) => {
      hits.push(request.url ?? '')
      request.resume()
      response.writeHead(status, { location: `http://127.0.0.1:${elsewhere.port}/bucket/k`, 'x-amz-bucket-region': 'eu-north-1' }).end()
    }).listen(0, '127.0.0.1')
    await once(redirecting, 'listening')
    opened.push({ close: () => redirecting.closeAllConnections() }, { close: () => redirecting.close() })
    const store = open(`http://127.0.0.1:${(redirecting.address() as AddressInfo).port}`)
    for (const call of [() => store.stat(KEY), () => store.put(KEY, Buffer.from('x')), () => store.listParts(KEY, 'u')]) {
      hits.length = 0
      expect(await thrownBy(call())).toBeInstanceOf(StoreRefused)
      expect(hits).toHaveLength(1)
    }
    expect(elsewhere.arrived()).toBe(0)
    expect(await open(`http://127.0.0.1:${elsewhere.port}`).stat(KEY)).toMatchObject({ etag: '"e"' })
    expect(elsewhere.arrived()).toBe(1)
  })
})

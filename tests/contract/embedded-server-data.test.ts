import * as S3 from '@aws-sdk/client-s3'
import { ClassicLevel } from 'classic-level'
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Database } from '../../cli/local/s3-server/database'
import { DirectoryUnusable, startEmbeddedS3, type IssuedKey } from '../../cli/local/s3-server/index'
import { clientOf, sendSigned, sign, temporaryDirectory } from '../support/embedded-client'
import { CrashLoad, randomOf, type Place } from '../support/embedded-crash-load'

const MiB = 2 ** 20
let temporary: ReturnType<typeof temporaryDirectory>

beforeEach(() => {
  temporary = temporaryDirectory()
})

afterEach(() => temporary.remove())

const inLayout = (...names: string[]): string => join(temporary.directory, 'v2', ...names)

/** Bodies that are files. */
const files = (): string[] =>
  readdirSync(inLayout('bodies'), { recursive: true })
    .map(String)
    .filter((name) => name.includes('/'))

/** Keys of the rows of one table of a server that is not running. */
const rowKeys = async (table: string): Promise<string[]> => {
  const level = new ClassicLevel(inLayout('index'))
  const found = await level.keys({ gte: table, lt: `${table}~` }).all()
  await level.close()
  return found.map((key) => key.slice(1))
}

/** The files of LevelDB's log, in which the last changes are. */
const logs = (): string[] =>
  readdirSync(inLayout('index'))
    .filter((name) => name.endsWith('.log'))
    .map((name) => inLayout('index', name))

/** One server on the test's directory. */
const withServer = async <Result>(work: (client: S3.S3Client, endpoint: string, root: IssuedKey) => Promise<Result>): Promise<Result> => {
  const server = await startEmbeddedS3({ directory: temporary.directory })
  await server.createBucket('kept')
  const client = clientOf(server.endpoint, server.root)
  try {
    return await work(client, server.endpoint, server.root)
  } finally {
    client.destroy()
    await server.close()
  }
}

const put = (client: S3.S3Client, Key: string, Body: string | Buffer) =>
  client.send(new S3.PutObjectCommand({ Bucket: 'kept', Key, Body, Metadata: { of: 'it' } }))
const read = async (client: S3.S3Client, Key: string) =>
  (await client.send(new S3.GetObjectCommand({ Bucket: 'kept', Key }))).Body?.transformToString()
const keys = async (client: S3.S3Client) =>
  (await client.send(new S3.ListObjectsV2Command({ Bucket: 'kept' }))).Contents?.map(({ Key }) => Key) ?? []

describe('data', () => {
  it('are there after a restart: objects, deletions, uploads with their parts', async () => {
    const at = { Bucket: 'kept', Key: 'upload' }
    const upload = await withServer(async (client) => {
      for (const key of ['a', 'b/é', 'c']) await put(client, key, `first ${key}`)
      await put(client, 'a', 'second a')
      await client.send(new S3.DeleteObjectCommand({ Bucket: 'kept', Key: 'c' }))
      const { UploadId } = await client.send(new S3.CreateMultipartUploadCommand(at))
      const { ETag } = await client.send(new S3.UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'part' }))
      return { UploadId, ETag }
    })
    for (const round of ['replayed', 'compacted'])
      await withServer(async (client) => {
        expect([round, await keys(client)]).toEqual([round, ['a', 'b/é']])
        expect(await read(client, 'a')).toBe('second a')
        expect((await client.send(new S3.HeadObjectCommand({ Bucket: 'kept', Key: 'b/é' }))).Metadata).toEqual({ of: 'it' })
      })
    await withServer(async (client) => {
      await client.send(
        new S3.CompleteMultipartUploadCommand({
          ...at,
          UploadId: upload.UploadId,
          MultipartUpload: { Parts: [{ PartNumber: 1, ETag: upload.ETag }] },
        }),
      )
      expect(await read(client, 'upload')).toBe('part')
    })
  })

  it('leave no body behind that nothing names', async () => {
    const at = { Bucket: 'kept', Key: 'upload' }
    await withServer(async (client) => {
      for (const size of [10, 20, 5000, 200_000, 300_000]) await put(client, 'replaced', randomBytes(size))
      for (const key of ['deleted', 'large']) await put(client, key, 'x'.repeat(key === 'large' ? 100_000 : 1))
      for (const Key of ['deleted', 'large']) await client.send(new S3.DeleteObjectCommand({ Bucket: 'kept', Key }))
      const { UploadId } = await client.send(new S3.CreateMultipartUploadCommand(at))
      for (const PartNumber of [1, 1, 2]) await client.send(new S3.UploadPartCommand({ ...at, UploadId, PartNumber, Body: 'part' }))
      await client.send(new S3.AbortMultipartUploadCommand({ ...at, UploadId }))
      for (const Body of ['x', 'x'.repeat(5000), 'x'.repeat(100_000)])
        await expect(
          client.send(new S3.PutObjectCommand({ Bucket: 'kept', Key: 'refused', Body, ChecksumCRC32: 'AAAAAA==' })),
        ).rejects.toThrow('crc32')
    })
    expect([files().length, await rowKeys('x'), await rowKeys('d')]).toEqual([1, [], []])
  })

  it('leave no body behind that a killed process was writing', async () => {
    await withServer((client) => put(client, 'kept', 'x'.repeat(5000)))
    const database = new Database(inLayout('index'))
    await database.open()
    await database.write([
      { put: 'dffile', row: 1 },
      { put: 'drow', row: 1 },
      { put: 'xrow', bytes: Buffer.from('x') },
    ])
    await database.close()
    mkdirSync(inLayout('bodies', 'ff'), { recursive: true })
    writeFileSync(inLayout('bodies', 'ff', 'ffile'), 'half of it')
    expect(files()).toHaveLength(2)
    await withServer(async (client) => expect(await read(client, 'kept')).toBe('x'.repeat(5000)))
    expect([files().length, await rowKeys('x'), await rowKeys('d')]).toEqual([1, [], []])
  })

  it('survive a torn last change of the index, which is dropped', async () => {
    await withServer(async (client) => {
      for (const key of ['a', 'b', 'c']) await put(client, key, key)
    })
    const [log] = logs()
    truncateSync(log!, readFileSync(log!).length - 7)
    await withServer(async (client) => {
      expect(await keys(client)).toEqual(['a', 'b'])
      await put(client, 'd', 'd')
    })
    await withServer(async (client) => expect(await keys(client)).toEqual(['a', 'b', 'd']))
  })

  it('stay readable to a reader while they are replaced, also those it has not come to', async () => {
    const data = randomBytes(15 * MiB)
    const at = { Bucket: 'kept', Key: 'read' }
    await withServer(async (client) => {
      const { UploadId } = await client.send(new S3.CreateMultipartUploadCommand(at))
      const Parts: S3.CompletedPart[] = []
      for (const PartNumber of [1, 2, 3]) {
        const Body = data.subarray((PartNumber - 1) * 5 * MiB, PartNumber * 5 * MiB)
        Parts.push({ PartNumber, ETag: (await client.send(new S3.UploadPartCommand({ ...at, UploadId, PartNumber, Body }))).ETag })
      }
      await client.send(new S3.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }))
      const { Body } = await client.send(new S3.GetObjectCommand(at))
      await put(client, 'read', 'other')
      expect(files()).toHaveLength(3)
      expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(data)).toBe(true)
      expect(await read(client, 'read')).toBe('other')
    })
    expect([files(), await rowKeys('d')]).toEqual([[], []])
  })
})

describe('the directory', () => {
  it('is held by one server at a time, and named in the error', async () => {
    await withServer(async () => {
      const second = startEmbeddedS3({ directory: temporary.directory })
      await expect(second).rejects.toBeInstanceOf(DirectoryUnusable)
      await expect(second).rejects.toThrow(temporary.directory)
    })
    await withServer(async (client) => expect(await keys(client)).toEqual([]))
  })

  it('has no file in it after a server that never had a bucket, or has none any more', async () => {
    const filesIn = () => readdirSync(temporary.directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    await (await startEmbeddedS3({ directory: temporary.directory })).close()
    expect(filesIn()).toEqual([])
    await withServer((client) => client.send(new S3.DeleteBucketCommand({ Bucket: 'kept' })))
    expect(filesIn()).toEqual([])
    await withServer((client) => put(client, 'again', 'x'))
    await withServer(async (client) => expect(await read(client, 'again')).toBe('x'))
  })

  it('is refused with a clear error when it cannot be written to', async () => {
    const file = join(temporary.directory, 'file')
    writeFileSync(file, '')
    await expect(startEmbeddedS3({ directory: join(file, 'below') })).rejects.toThrow(/cannot keep its data in .*below.*Name a directory/)
    if (process.getuid?.() === 0) return // root may write anywhere
    chmodSync(temporary.directory, 0o500)
    await expect(startEmbeddedS3({ directory: temporary.directory })).rejects.toThrow('EACCES')
    chmodSync(temporary.directory, 0o700)
  })
})

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('a killed process', () => {
  const start = async (fault = ''): Promise<Place & { child: ChildProcess }> => {
    const script = join(import.meta.dirname, '..', 'support', 'embedded-server-process.ts')
    const child = spawn(process.execPath, ['--import', 'tsx', script, temporary.directory, fault], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream }))
      return { child, ...(JSON.parse(line) as Place) }
    throw new Error('the server process did not start')
  }

  /** Lets a server be killed under load, time after time, and looks after each start whether everything answered is there. */
  const rounds = async (seed: number, times: number, fault = ''): Promise<{ load: CrashLoad; broken: string[] }> => {
    const random = randomOf(seed)
    const load = new CrashLoad(random, 6)
    const broken: string[] = []
    for (let round = 0; round < times; round++) {
      const place = await start(fault)
      broken.push(...(round === 0 ? [] : await load.broken(place)).map((what) => `after kill ${round}: ${what}`))
      if (round === 0) {
        const body = Buffer.from('<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>')
        await sendSigned(place.endpoint, place.root, { method: 'PUT', path: '/crash-versions', query: 'versioning=', body })
      }
      const ended = new Promise((resolve) => place.child.once('exit', resolve))
      // By its work and not by the clock: a busy machine answers a third of what an idle one does.
      const enough = load.answered + 60 + random(80)
      const later = random(20)
      const kill = async (): Promise<void> => {
        while (load.answered < enough && place.child.exitCode === null) await pause(1)
        await pause(later)
        place.child.kill('SIGKILL')
      }
      await Promise.all([load.run(place), kill(), ended])
    }
    return { load, broken }
  }

  /** Each stored body and each body that the index names, of a server that is not running. */
  const bodies = async (): Promise<{ stored: string[]; named: string[] }> => {
    const database = new Database(inLayout('index'))
    await database.open()
    const named: string[] = []
    for (const table of ['o', 'v', 'p'])
      for (const [, { pieces = [] }] of await database.rows<{ pieces?: { body: string; size: number }[] }>(table, `${table}\xff`))
        named.push(...pieces.filter(({ size }) => size > 0).map(({ body }) => body))
    await database.close()
    const stored = [...files().map((name) => name.slice(3)), ...(await rowKeys('x'))]
    return { stored: stored.sort(), named: named.sort() }
  }

  it('has kept every change that it answered, and of any other all or nothing; no body is left that nothing names', async () => {
    const seed = Date.now() % 1_000_000
    const { load, broken } = await rounds(seed, 6)
    const server = await startEmbeddedS3({ directory: temporary.directory })
    broken.push(...(await load.broken(server)))
    await server.close()
    expect([seed, broken]).toEqual([seed, []])
    expect(load.answered).toBeGreaterThanOrEqual(360)
    expect([...load.kinds.keys()].sort()).toEqual([
      'abort',
      'complete',
      'create upload',
      'delete',
      'delete version',
      'part',
      'put',
      'put version',
    ])
    const { stored, named } = await bodies()
    expect(stored).toEqual(named)
    expect(await rowKeys('d')).toEqual([])
  })

  it('is seen to lose changes when it answers before it has written them', async () => {
    const { load, broken } = await rounds(1, 1, 'too-early')
    const server = await startEmbeddedS3({ directory: temporary.directory })
    broken.push(...(await load.broken(server)))
    await server.close()
    expect(broken.length).toBeGreaterThan(0)
  })
})

describe('memory and connections', () => {
  /** The most that buffers held at once, in bytes, while the work went on. */
  const peakOf = async (work: () => Promise<unknown>): Promise<number> => {
    const before = process.memoryUsage().arrayBuffers
    let peak = before
    const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().arrayBuffers)), 5)
    await work()
    clearInterval(timer)
    return peak - before
  }

  const SIZE = 128 * MiB

  it('hold little of a large object, also when its reader does not read', async () => {
    await withServer(async (_, endpoint, root) => {
      const { hostname, port } = new URL(endpoint)
      const path = '/kept/large'
      const upload = () =>
        new Promise<number | undefined>((resolve, reject) => {
          const headers = { ...sign(endpoint, root, { method: 'PUT', path }).headers, 'content-length': String(SIZE) }
          const request = httpRequest({ hostname, port, method: 'PUT', path, headers, agent: false }, (response) =>
            resolve(response.resume().statusCode),
          )
          request.on('error', reject)
          const chunk = Buffer.alloc(256 * 1024, 7)
          let sent = 0
          const more = (): void => {
            while (sent < SIZE) {
              sent += chunk.length
              if (!request.write(chunk)) return void request.once('drain', more)
            }
            request.end()
          }
          more()
        })
      const stalledDownload = () =>
        new Promise<void>((resolve, reject) => {
          const request = httpRequest(
            { hostname, port, path, headers: sign(endpoint, root, { method: 'GET', path }).headers, agent: false },
            (response) => {
              expect(response.headers['content-length']).toBe(String(SIZE))
              void pause(400).then(() => resolve(void response.destroy()))
            },
          )
          request.on('error', reject)
          request.end()
        })
      let status: number | undefined
      expect(await peakOf(async () => (status = await upload()))).toBeLessThan(SIZE / 2)
      expect(status).toBe(200)
      expect(await peakOf(stalledDownload)).toBeLessThan(SIZE / 2)
      expect(await peakOf(async () => [Buffer.alloc(SIZE), await pause(20)])).toBeGreaterThan(SIZE / 2) // the control: the gauge sees a whole object
    })
  })

  it('are given up at once by close, with an open connection and a request under way', async () => {
    const server = await startEmbeddedS3({ directory: temporary.directory })
    await server.createBucket('kept')
    const { hostname, port } = new URL(server.endpoint)
    const headers = { ...sign(server.endpoint, server.root, { method: 'PUT', path: '/kept/cut' }).headers, 'content-length': '1000000' }
    const cut = new Promise((resolve) => {
      const request = httpRequest({ hostname, port, method: 'PUT', path: '/kept/cut', headers })
      request.on('error', resolve)
      request.write(Buffer.alloc(500_000))
    })
    await pause(100)
    const began = Date.now()
    await server.close()
    expect(Date.now() - began).toBeLessThan(10_000) // for ever, if it waited for its connections
    expect(String(await cut)).toMatch(/ECONNRESET|EPIPE|hang up/)
    expect([files(), await rowKeys('d')]).toEqual([[], []])
    await server.close() // twice is once
  })
})

describe('the index', () => {
  it('keeps the order of keys through 5,000 changes in any order, and lists them page by page', async () => {
    const alive = new Map<string, string>()
    await withServer(async (_, endpoint, root) => {
      for (let at = 0; at < 5000; at++) {
        const key = createHash('md5')
          .update(String(at % 4000))
          .digest('base64url')
          .slice(0, 1 + (at % 5))
        const path = `/kept/${key}`
        if (at % 3 === 2) alive.delete(key)
        else alive.set(key, String(at))
        const body = Buffer.from(String(at))
        await sendSigned(endpoint, root, at % 3 === 2 ? { method: 'DELETE', path } : { method: 'PUT', path, body })
      }
    })
    await withServer(async (client) => {
      const found: string[] = []
      for (let token: string | undefined, more = true; more; more = token !== undefined) {
        const page = await client.send(new S3.ListObjectsV2Command({ Bucket: 'kept', MaxKeys: 77, ContinuationToken: token }))
        found.push(...(page.Contents ?? []).map(({ Key = '' }) => Key))
        token = page.NextContinuationToken
      }
      expect(found.length).toBeGreaterThan(100)
      expect(found).toEqual([...alive.keys()].sort())
      for (const key of found.slice(0, 50)) expect(await read(client, key)).toBe(alive.get(key))
    })
  })
})

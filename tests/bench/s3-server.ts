/**
 * What the embedded S3 server costs, its client apart (Linux, for the memory).   node --import tsx tests/bench/s3-server.ts DIRECTORY …
 *   requests N    CPU a request over HTTP, N objects of 4 KiB, 32 at once
 *   fill N        N objects of one byte, put in process in any order: CPU and memory on the way
 *   list N        those again: how long a start takes, then page by page, then 20,000 of them read
 *   large BYTES   one object over HTTP, put and read: CPU and memory
 */
import { fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Buckets } from '../../cli/local/s3-server/buckets'
import { startEmbeddedS3, type IssuedKey } from '../../cli/local/s3-server/index'
import { pageOf } from '../../cli/local/s3-server/page'
import { objectsFrom } from '../../cli/local/s3-server/walks'
import { sign } from '../support/embedded-client'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** What a process holds now and held at most, in MB: `RssAnon` is its own, the rest are pages of files that the system can take back. */
const memory = (): string => {
  const status = readFileSync('/proc/self/status', 'utf8')
  const megabytes = (name: string): string => ((Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) * 1024) / 1e6).toFixed(0)
  return `RSS ${megabytes('VmRSS')} MB (own ${megabytes('RssAnon')}), at most ${megabytes('VmHWM')}`
}

const cpu = (): number => process.cpuUsage().user + process.cpuUsage().system

interface Served {
  endpoint: string
  root: IssuedKey
  /** µs so far, and the memory */
  used(): Promise<{ cpu: number; memory: string }>
  stop(): void
}

/** The server in a process of its own. */
const serve = async (directory: string): Promise<Served> => {
  const child = fork(import.meta.filename, [directory, 'serve'])
  const heard = <Message>(): Promise<Message> => new Promise((resolve) => child.once('message', resolve as (message: unknown) => void))
  const { endpoint, root } = await heard<{ endpoint: string; root: IssuedKey }>()
  const used = () => {
    const reply = heard<{ cpu: number; memory: string }>()
    child.send('used')
    return reply
  }
  return { endpoint, root, used, stop: () => void child.kill() }
}

const serveHere = async (directory: string): Promise<void> => {
  const { endpoint, root, createBucket } = await startEmbeddedS3({ directory })
  await createBucket('bench')
  process.on('message', () => process.send?.({ cpu: cpu(), memory: memory() }))
  process.send?.({ endpoint, root })
}

const agent = new Agent({ keepAlive: true, maxSockets: 32 })

/** Sends a request and reads the answer to its end. */
const send = ({ endpoint, root }: Served, method: string, path: string, query = '', body: Buffer | Readable = Buffer.alloc(0), size = 0) =>
  new Promise<void>((resolve, reject) => {
    const { hostname, port } = new URL(endpoint)
    const headers = { ...sign(endpoint, root, { method, path, query }).headers, 'content-length': String(size) }
    const request = httpRequest({ hostname, port, method, path: query === '' ? path : `${path}?${query}`, headers, agent }, (response) => {
      response
        .resume()
        .on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${method} ${path}: ${response.statusCode}`))))
    })
    request.on('error', reject)
    if (Buffer.isBuffer(body)) request.end(body)
    else body.pipe(request)
  })

/** Does the work for 0 to count - 1, some at once. */
const each = async (count: number, atOnce: number, work: (nth: number) => Promise<unknown>): Promise<void> => {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

const requests = async (directory: string, count: number): Promise<void> => {
  const server = await serve(directory)
  const body = randomBytes(4096)
  const pages = Math.max(Math.floor(count / 100), 1)
  const kinds: [name: string, count: number, work: (nth: number) => Promise<unknown>][] = [
    ['PUT of a new object', count, (nth) => send(server, 'PUT', `/bench/${nth}`, '', body, body.length)],
    ['PUT over an object', count, (nth) => send(server, 'PUT', `/bench/${nth}`, '', body, body.length)],
    ['GET', count, (nth) => send(server, 'GET', `/bench/${nth}`)],
    ['HEAD', count, (nth) => send(server, 'HEAD', `/bench/${nth}`)],
    ['page of 1,000 keys', pages, () => send(server, 'GET', '/bench', 'list-type=2')],
  ]
  for (const [name, times, work] of kinds) {
    const [before, began] = [await server.used(), performance.now()]
    await each(times, 32, work)
    const [after, wall] = [await server.used(), performance.now() - began]
    say(
      `${name}: ${((after.cpu - before.cpu) / times / 1000).toFixed(3)} ms CPU, ${((times / wall) * 1000).toFixed(0)} a second; ${after.memory}`,
    )
  }
  server.stop()
}

const keyOf = (nth: number): string => `objects/${createHash('md5').update(String(nth)).digest('hex')}`

const fill = async (directory: string, count: number): Promise<void> => {
  const buckets = await Buckets.open(join(directory, 'fill'))
  await buckets.create('bench', { created: 0 })
  const bucket = buckets.get('bench')
  const object = { headers: { 'content-type': 'binary/octet-stream' }, size: 1, etag: '9dd4e461268c8034f5c8564e155c67a6', modified: 0 }
  const used = cpu()
  say(`0 objects: ${memory()}`)
  await each(count, 32, async (nth) => {
    const pieces = await bucket.bodies.write(Readable.from([Buffer.from('x')]), 1)
    await bucket.put(keyOf(nth), { ...object, pieces }, () => undefined)
    if ((nth + 1) % Math.ceil(count / 4) === 0) say(`${nth + 1} objects: ${((cpu() - used) / nth).toFixed(0)} µs CPU each; ${memory()}`)
  })
  await buckets.close()
}

const list = async (directory: string, count: number): Promise<void> => {
  for (const time of ['first', 'next']) {
    const [before, began] = [cpu(), performance.now()]
    const buckets = await Buckets.open(join(directory, 'fill'))
    say(`${time} start: ${(performance.now() - began).toFixed(0)} ms, ${((cpu() - before) / 1000).toFixed(0)} ms CPU; ${memory()}`)
    await buckets.close()
  }
  const buckets = await Buckets.open(join(directory, 'fill'))
  const before = cpu()
  let [listed, last] = [0, '']
  for (let more = true; more;) {
    const walk = objectsFrom(buckets.get('bench'), `${last}\0`, 1000)
    const page = await pageOf(walk, { prefix: '', delimiter: '', after: last, most: 1000 })
    await walk.close()
    for (const { key } of page.items) {
      if (key <= last) throw new Error(`${key} after ${last}`)
      last = key
    }
    const quarters = (objects: number): number => Math.floor(objects / Math.ceil(count / 4))
    const now = listed + page.items.length
    if (quarters(now) > quarters(listed) || !page.truncated)
      say(`${now} listed: ${((cpu() - before) / now).toFixed(2)} ms CPU a page; ${memory()}`)
    listed = now
    more = page.truncated
  }
  if (listed !== count) throw new Error(`${listed} of ${count} listed`)
  const looked = cpu()
  for (let nth = 0; nth < 20_000; nth++) {
    const object = buckets.get('bench').find(keyOf((nth * 7919) % count))
    if (!object || buckets.get('bench').bodies.read(object.pieces, 0, 1).toString() !== 'x') throw new Error('an object is not there')
  }
  say(`read anywhere: ${((cpu() - looked) / 20_000).toFixed(0)} µs CPU each; ${memory()}`)
  await buckets.close()
}

const large = async (directory: string, bytes: number): Promise<void> => {
  const server = await serve(directory)
  const chunk = Buffer.alloc(2 ** 20, 'x')
  const body = Readable.from(
    (function* () {
      for (let left = bytes; left > 0; left -= chunk.length) yield left < chunk.length ? chunk.subarray(0, left) : chunk
    })(),
    { objectMode: false },
  )
  for (const [name, work] of [
    ['PUT', () => send(server, 'PUT', '/bench/large', '', body, bytes)],
    ['GET', () => send(server, 'GET', '/bench/large')],
  ] as const) {
    const before = await server.used()
    await work()
    const after = await server.used()
    say(`${name} of ${bytes} bytes: ${((after.cpu - before.cpu) / 1e6).toFixed(1)} s CPU; before: ${before.memory}; after: ${after.memory}`)
  }
  server.stop()
}

const main = async ([directory = '', ...wanted]: string[]): Promise<void> => {
  if (wanted[0] === 'serve') return serveHere(directory)
  const benches: Record<string, (directory: string, count: number) => Promise<void>> = { requests, fill, list, large }
  for (let at = 0; at < wanted.length; at += 2) await benches[wanted[at] ?? '']?.(directory, Number(wanted[at + 1]))
  agent.destroy()
}

await main(process.argv.slice(2))

/**
 * What memory a migration on one machine takes while it lasts: the S3 server with both buckets in one process, the run in another.
 * The curve of each, every tenth of the run.
 *   node --import tsx tests/bench/memory.ts object 5         one object of 5 GiB
 *   node --import tsx tests/bench/memory.ts objects 200000   objects of 200 to 2,000 bytes
 */
import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { s3Store } from '@drayage/core'

interface Server {
  endpoint: string
  accessKeyId: string
  secretAccessKey: string
}

/** One look at a process: ms since the run began, and its memory in bytes; `anonymous` leaves out what mapped files hold. */
interface Sample {
  at: number
  rss: number
  anonymous: number
}

const MB = 1e6
const PART = 64 * 2 ** 20
const EVERY_MS = 200
const AT_ONCE = 32
const SOURCE = 'bench-source'
const DESTINATION = 'bench-destination'
const CLI = fileURLToPath(new URL('../../cli/drayage.js', import.meta.url))

const serve = async (directory: string): Promise<{ child: ChildProcess; server: Server }> => {
  const child = spawn(process.execPath, [CLI, 'serve-s3', directory, '--json', '--bucket', SOURCE, '--bucket', DESTINATION], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, server: JSON.parse(line) as Server }
}

/** One object of many parts, no two of them alike. */
const fillObject = async ({ endpoint, ...credentials }: Server, gib: number): Promise<void> => {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
  const at = { Bucket: SOURCE, Key: 'large' }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at))
  const body = Buffer.alloc(PART, 'drayage ')
  const parts: { PartNumber: number; ETag: string | undefined }[] = []
  for (let PartNumber = 1; PartNumber <= (gib * 2 ** 30) / PART; PartNumber++) {
    body.writeUInt32BE(PartNumber)
    const { ETag } = await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body: body }))
    parts.push({ PartNumber, ETag })
  }
  await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: parts } }))
  client.destroy()
}

const fillObjects = async ({ endpoint, ...credentials }: Server, objects: number): Promise<void> => {
  const reach = { endpoint, region: 'us-east-1', credentials: async () => credentials }
  const store = s3Store({ bucket: SOURCE, reach, provider: 'embedded' })
  let next = 0
  const fill = async (): Promise<void> => {
    for (let at = next++; at < objects; at = next++) {
      const key = `year=${2000 + (at % 20)}/part-${String((at * 7919) % objects).padStart(8, '0')}.bin`
      await store.put(Buffer.from(key), Buffer.alloc(200 + (at % 1801), String(at)))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, fill))
  await store.close()
}

const sample = (pid: number, began: number): Sample => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024
  return { at: performance.now() - began, rss: of('VmRSS'), anonymous: of('RssAnon') }
}

/** The curve in eleven points, and the highest of all samples between. */
const curve = (name: string, samples: readonly Sample[]): string => {
  const last = samples.at(-1)?.at ?? 0
  const points = Array.from({ length: 11 }, (_, tenth) => samples.find(({ at }) => at >= (last * tenth) / 10) ?? samples.at(-1))
  const row = (field: 'rss' | 'anonymous'): string => points.map((point) => ((point?.[field] ?? 0) / MB).toFixed(0)).join(' | ')
  const peak = (field: 'rss' | 'anonymous'): string => (Math.max(...samples.map((one) => one[field])) / MB).toFixed(0)
  return [`| ${name}, RSS | ${row('rss')} | ${peak('rss')} |`, `| ${name}, anonymous | ${row('anonymous')} | ${peak('anonymous')} |`].join(
    '\n',
  )
}

/** Runs the migration and looks at both processes while it lasts. */
const migrate = async (folder: string, { endpoint, accessKeyId, secretAccessKey }: Server, serverPid: number): Promise<string> => {
  const request = join(folder, 'request.json')
  const place = (bucket: string) => ({ bucket, endpoint, provider: 'embedded' })
  writeFileSync(request, JSON.stringify({ source: place(SOURCE), destination: { bucket: DESTINATION, endpoint } }))
  const side = (name: string) => ({
    [`DRAYAGE_${name}_ACCESS_KEY_ID`]: accessKeyId,
    [`DRAYAGE_${name}_SECRET_ACCESS_KEY`]: secretAccessKey,
  })
  const began = performance.now()
  const run = spawn(process.execPath, [CLI, 'run', request, '--json', '--state', join(folder, 'state')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...side('SOURCE'), ...side('DESTINATION') },
  })
  let words = ''
  run.stdout.on('data', (chunk: Buffer) => (words += chunk.toString('utf8')))
  const samples: Record<'run' | 'server', Sample[]> = { run: [], server: [] }
  const timer = setInterval(() => {
    if (run.exitCode !== null || run.pid === undefined) return
    const one = sample(run.pid, began)
    if (one.rss === 0) return // it has ended, and is not reaped yet
    samples.run.push(one)
    samples.server.push(sample(serverPid, began))
  }, EVERY_MS)
  await once(run, 'exit')
  clearInterval(timer)
  const { verified, ledger } = JSON.parse(words) as { verified: boolean; ledger: Record<string, number> }
  if (!verified) throw new Error(`not verified: ${words}`)
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  return [
    `verified in ${seconds} s, ${JSON.stringify(ledger)}`,
    `| MB | ${Array.from({ length: 11 }, (_, tenth) => `${tenth * 10} %`).join(' | ')} | peak |`,
    `|---|${'---|'.repeat(12)}`,
    curve('run', samples.run),
    curve('server', samples.server),
  ].join('\n')
}

const [kind, amount = ''] = process.argv.slice(2)
if ((kind !== 'object' && kind !== 'objects') || !(Number(amount) > 0)) throw new Error('usage: memory.ts object GIB | objects COUNT')
const folder = mkdtempSync(join(tmpdir(), 'drayage-memory-'))
const { child, server } = await serve(join(folder, 'buckets'))
try {
  await (kind === 'object' ? fillObject : fillObjects)(server, Number(amount))
  process.stdout.write(`${await migrate(folder, server, child.pid ?? 0)}\n`)
} finally {
  child.kill('SIGTERM')
  await once(child, 'exit')
  rmSync(folder, { recursive: true, force: true })
}

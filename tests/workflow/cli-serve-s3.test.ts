import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import * as S3 from '@aws-sdk/client-s3'
import type { IssuedKey } from '../../cli/local/s3-server/index'
import { clientOf } from '../support/embedded-client'
import { freePort } from '../support/free-port'
import { drayage, scratch, tree } from './cli-support'

const BIN = join(import.meta.dirname, '..', '..', 'cli', 'drayage.js')

const place = scratch()
const servers: ChildProcess[] = []
const clients: S3.S3Client[] = []

afterAll(() => {
  for (const client of clients) client.destroy()
  for (const server of servers) server.kill('SIGKILL')
  place.remove()
})

interface Serving extends IssuedKey {
  endpoint: string
  client: S3.S3Client
  process: ChildProcess
  /** everything on standard output, complete once the process has ended */
  output(): string
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Starts the command as a script does that reads its one line. */
const serve = async (...args: string[]): Promise<Serving> => {
  const server = spawn(process.execPath, [BIN, 'serve-s3', ...args, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  servers.push(server)
  let output = ''
  server.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(server, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as NodeJS.Signals | null }))
  const line = await Promise.race([
    once(createInterface({ input: server.stdout }), 'line').then(([first]) => first as string),
    ended.then(({ code }) => Promise.reject(new Error(`serve-s3 ended with exit code ${code}: ${output}`))),
  ])
  const { endpoint, ...key } = JSON.parse(line) as IssuedKey & { endpoint: string }
  const client = clientOf(endpoint, key)
  clients.push(client)
  return { endpoint, ...key, client, process: server, output: () => output, ended }
}

const put = (client: S3.S3Client, Key: string, Body: string) => client.send(new S3.PutObjectCommand({ Bucket: 'served', Key, Body }))
const read = async (client: S3.S3Client, Key: string) =>
  (await client.send(new S3.GetObjectCommand({ Bucket: 'served', Key }))).Body?.transformToString()

describe('drayage serve-s3', () => {
  it('has every answered object after kill -9, on the port it is given, and refuses the key of the killed one', async () => {
    const data = place.path('killed')
    const port = await freePort()
    const first = await serve(data, '--port', String(port), '--bucket', 'served')
    expect(first.endpoint).toBe(`http://127.0.0.1:${port}`)
    await Promise.all(Array.from({ length: 50 }, (_, at) => put(first.client, `key ${at}`, `body of ${at}`)))
    first.process.kill('SIGKILL')
    expect(await first.ended).toEqual({ code: null, signal: 'SIGKILL' })

    const second = await serve(data, '--bucket', 'served')
    expect(await Promise.all(Array.from({ length: 50 }, (_, at) => read(second.client, `key ${at}`)))).toEqual(
      Array.from({ length: 50 }, (_, at) => `body of ${at}`),
    )
    const old = clientOf(second.endpoint, first)
    clients.push(old)
    await expect(read(old, 'key 0')).rejects.toMatchObject({ name: 'InvalidAccessKeyId' })
    second.process.kill('SIGTERM')
    expect(await second.ended).toEqual({ code: 0, signal: null })
  })

  it('prints one line with --json, ends with exit code 0 at Ctrl-C and lets its directory and port go', async () => {
    const data = place.path('ended')
    const server = await serve(data)
    await server.client.send(new S3.CreateBucketCommand({ Bucket: 'served' }))
    await put(server.client, 'key', 'body')
    server.process.kill('SIGINT')
    expect(await server.ended).toEqual({ code: 0, signal: null })
    const { endpoint, accessKeyId, secretAccessKey } = server
    expect(server.output()).toBe(`${JSON.stringify({ endpoint, accessKeyId, secretAccessKey })}\n`)

    const again = await serve(data, '--port', new URL(endpoint).port)
    expect(await read(again.client, 'key')).toBe('body')
    again.process.kill('SIGTERM')
    await again.ended
  })

  it('says in words how it is used, with the key that works', async () => {
    const server = spawn(process.execPath, [BIN, 'serve-s3', place.path('words'), '--bucket', 'served'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    servers.push(server)
    let words = ''
    for await (const chunk of server.stdout.setEncoding('utf8')) if ((words += String(chunk)).includes('Ctrl-C')) break
    const value = (name: string): string => new RegExp(`export ${name}=(\\S+)`).exec(words)?.[1] ?? ''
    const endpoint = /aws --endpoint-url (\S+) s3 ls/.exec(words)?.[1] ?? ''
    const client = clientOf(endpoint, { accessKeyId: value('AWS_ACCESS_KEY_ID'), secretAccessKey: value('AWS_SECRET_ACCESS_KEY') })
    clients.push(client)
    await put(client, 'key', 'body')
    expect(await read(client, 'key')).toBe('body')
    expect(words).toContain('new at each start')
    const ended = once(server, 'close')
    server.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })

  describe('that cannot start: exit code 2, one line that names the argument and the remedy', () => {
    it.each<[string, () => Promise<string[]>, RegExp]>([
      [
        'a directory below a file',
        async () => {
          writeFileSync(place.path('a-file'), 'no folder')
          return [join(place.path('a-file'), 'below')]
        },
        /^DIR: .*a-file.*Name a directory/,
      ],
      ['a directory where the system lets none be made', async () => ['/proc/drayage'], /^DIR: .*\/proc\/drayage.*Name a directory/],
      [
        'a directory that another server holds',
        async () => {
          await serve(place.path('held'))
          return [place.path('held')]
        },
        /^DIR: Another process of drayage holds .*held/,
      ],
      [
        'a port in use',
        async () => [place.path('no-port'), '--port', new URL((await serve(place.path('has-port'))).endpoint).port],
        /^--port: \d+ cannot be used on 127\.0\.0\.1 \(another program has it\); name another, or leave --port out/,
      ],
      [
        'no bucket name',
        async () => [place.path('bad-bucket'), '--bucket', 'served', '--bucket', 'A_B'],
        /^--bucket: A_B cannot be created/,
      ],
      ['no port', async () => [place.path('never-made'), '--port', '65536'], /--port <number>.*0 to 65535/],
      ['an empty name', async () => [''], /^DIR: is empty; name a directory$/m],
      ['no directory', async () => [], /missing required argument 'dir'/],
    ])('%s', async (_name, prepare, words) => {
      const args = await prepare()
      const { code, stdout, stderr } = await drayage(['serve-s3', ...args], { cwd: place.folder })
      expect(code).toBe(2)
      expect(stdout).toBe('')
      expect(stderr).toMatch(words)
      expect(stderr).not.toMatch(/^ +at /m)
    })

    it('with --json as one document, and nothing is made of a port that is none', async () => {
      writeFileSync(place.path('another-file'), 'no folder')
      const { code, stdout } = await drayage(['serve-s3', place.path('another-file'), '--json'], { cwd: place.folder })
      expect(code).toBe(2)
      expect(JSON.parse(stdout)).toEqual({ error: { name: 'Refused', problems: [expect.stringMatching(/^DIR: /)] } })
      expect(tree(place.path('never-made'))).toBeUndefined()
    })
  })
})

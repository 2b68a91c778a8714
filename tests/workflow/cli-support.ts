import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { s3Store, type ObjectStore } from '@drayage/core'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'

const BIN = fileURLToPath(new URL('../../cli/drayage.js', import.meta.url))

/** A folder of its own for each test file, removed at its end. */
export const scratch = (): { folder: string; path(name: string): string; remove(): void } => {
  const folder = mkdtempSync(join(tmpdir(), 'drayage-cli-'))
  return { folder, path: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

export interface Command {
  signal(name: NodeJS.Signals): void
  /** from now on nobody reads what it writes */
  deaf(): void
  /** resolves once standard error holds this */
  said(text: string): Promise<void>
  ended: Promise<Outcome>
}

/** Starts the command as a user does. The environment holds no credentials but those given. */
export const start = (
  args: readonly string[],
  { cwd, env = {}, input = '' }: { cwd: string; env?: Record<string, string>; input?: string },
): Command => {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd,
    env: { PATH, HOME: cwd, AWS_EC2_METADATA_DISABLED: 'true', ...env },
  })
  let stdout = ''
  let stderr = ''
  const waiting: { text: string; heard(): void }[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    for (const one of waiting) if (stderr.includes(one.text)) one.heard()
  })
  child.stdin.end(input)
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }))
  })
  return {
    signal: (name) => child.kill(name),
    deaf: () => {
      child.stdout.destroy()
      child.stderr.destroy()
    },
    said: (text) =>
      Promise.race([
        new Promise<void>((heard) => (stderr.includes(text) ? heard() : waiting.push({ text, heard }))),
        ended.then(() => Promise.reject(new Error(`the command ended without saying ${text}: ${stderr}`))),
      ]),
    ended,
  }
}

export const drayage = (args: readonly string[], options: Parameters<typeof start>[1]): Promise<Outcome> => start(args, options).ended

type OpenStore = ObjectStore & { close(): Promise<void> }

export const rootStore = (server: EmbeddedS3, bucket: string): OpenStore =>
  s3Store({ bucket, reach: { endpoint: server.endpoint, region: 'us-east-1', credentials: async () => server.root }, provider: 'embedded' })

/** Works on the buckets of a state folder while no command runs over it. */
export const inState = async <T>(state: string, work: (open: (bucket: string) => Promise<ObjectStore>) => Promise<T>): Promise<T> => {
  const server = await startEmbeddedS3({ directory: join(state, 's3') })
  const stores: OpenStore[] = []
  try {
    return await work(async (bucket) => {
      await server.createBucket(bucket)
      const store = rootStore(server, bucket)
      stores.push(store)
      return store
    })
  } finally {
    for (const store of stores) await store.close()
    await server.close()
  }
}

export const put = async (store: ObjectStore, objects: readonly { key: Buffer; body: Buffer }[]): Promise<void> => {
  for (const { key, body } of objects) await store.put(key, body, { headers: { contentType: 'text/plain', metadata: {} } })
}

/** Keys in hex and ETags: what two buckets must agree on. */
export const contents = async (store: ObjectStore): Promise<Map<string, string>> => {
  const found = new Map<string, string>()
  for await (const page of store.list({ prefix: Buffer.alloc(0) })) for (const { key, etag } of page) found.set(key.toString('hex'), etag)
  return found
}

/** Every name under a folder but those of LevelDB's own files, which it renames when it opens; undefined if there is no such folder. */
export const tree = (folder: string): string[] | undefined =>
  existsSync(folder)
    ? (readdirSync(folder, { recursive: true }) as string[]).filter((name) => !/s3\/v\d+\/index\//.test(name)).sort()
    : undefined

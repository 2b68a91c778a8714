import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from './free-port'

/** moto's answers belong to this account whatever the access key. */
export const MOTO_ACCOUNT = '123456789012'

export interface Moto {
  /** URL on 127.0.0.1 */
  endpoint: string
  /** settings for an SDK client, with credentials that are obviously fake */
  settings: { region: string; endpoint: string; maxAttempts: number; credentials: { accessKeyId: string; secretAccessKey: string } }
  stop(): Promise<void>
}

/** Why moto cannot run here; undefined: it can. */
export const motoAbsent = (): string | undefined => {
  const { error, status } = spawnSync('python3', ['-c', 'import moto.server'], { stdio: 'ignore' })
  if (error !== undefined) return 'python3 is not on this machine'
  return status === 0 ? undefined : "python3 has no moto[server]: pip install 'moto[server]'"
}

/**
 * A suite that runs against moto. Where moto is absent, or something else that the suite says it needs and lacks, it is skipped under
 * a name that says so, after one line that says why.
 */
export const describeWithMoto = (name: string, suite: () => void, alsoAbsent?: string): void => {
  const reason = motoAbsent() ?? alsoAbsent
  if (reason === undefined) return void describe(name, suite)
  process.stderr.write(`skipped: ${name}: ${reason}\n`)
  describe.skip(`${name} (skipped: ${reason})`, suite)
}

/**
 * Starts a moto of its own on a free port of 127.0.0.1 and waits, at most 30 s, until it answers. With `lambdas`, an URL, its
 * functions are called there instead of in Docker: that is the one thing in which it is not moto as it comes.
 */
export const startMoto = async ({ lambdas }: { lambdas?: string } = {}): Promise<Moto> => {
  const port = await freePort()
  const program = lambdas === undefined ? ['-m', 'moto.server'] : [join(import.meta.dirname, 'moto_with_lambdas.py')]
  const server = spawn('python3', [...program, '-H', '127.0.0.1', '-p', String(port)], {
    // moto's Step Functions call moto back and read the port from here.
    env: { ...process.env, MOTO_PORT: String(port), ...(lambdas === undefined ? {} : { LAMBDAS_URL: lambdas }) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let words = ''
  server.stderr.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-2000)))
  const endpoint = `http://127.0.0.1:${port}`
  const end = Date.now() + 30_000
  while (!(await answers(endpoint))) {
    if (server.exitCode !== null || Date.now() > end) {
      await stop(server)
      throw new Error(`moto did not start: ${words}`)
    }
    await pause(100)
  }
  const credentials = { accessKeyId: 'fake-access-key-for-moto', secretAccessKey: 'fake-secret-key-for-moto' }
  return { endpoint, settings: { region: 'us-east-1', endpoint, maxAttempts: 1, credentials }, stop: () => stop(server) }
}

const answers = async (endpoint: string): Promise<boolean> => {
  try {
    return (await fetch(`${endpoint}/moto-api/data.json`, { signal: AbortSignal.timeout(2000) })).ok
  } catch {
    return false
  }
}

const stop = async (server: ChildProcess): Promise<void> => {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exited = once(server, 'exit')
  server.kill('SIGTERM')
  const late = setTimeout(() => server.kill('SIGKILL'), 2000)
  await exited
  clearTimeout(late)
}

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { unzipSync } from 'fflate'
import type { Door } from './moto-door'

/** A function as it is deployed. */
export interface DeployedFunction {
  name: string
  /** `functions/copy-batch.handler` */
  handler: string
  timeoutSeconds: number
  environment: Record<string, string>
}

/** What Lambda answers: a payload, and whether it is an error's. */
export interface LambdaAnswer {
  payload: string
  failed?: boolean
}

export interface PackagedFunctions {
  /** Calls the function; with `readings`, its time is over after it has looked at the clock so often. */
  call(deployed: DeployedFunction, event: unknown, readings?: number): Promise<LambdaAnswer>
  /** what the functions have written so far: their logs */
  written(): string
  close(): Promise<void>
}

/** The access key id of the functions' own roles, as Lambda puts it into their environment. */
export const FUNCTIONS_KEY = 'FAKEKEYOFTHEFUNCTIONS'
export const FUNCTIONS_SECRET = 'fake-secret-of-the-functions'

const unpack = (zip: string, into: string, cut = ''): void => {
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(zip)))) {
    const file = join(into, name.slice(cut.length))
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }
}

/**
 * The zips of `folder`, laid out in `place`, in one process for each environment that functions have: a process has only one. It is
 * begun with the first call. Those of another state bucket end: a stack deployed again has cold functions.
 */
export const packagedFunctions = (
  folder: string,
  names: readonly string[],
  place: string,
  region: string,
  door: Door,
): PackagedFunctions => {
  for (const name of names) {
    unpack(join(folder, 'core.zip'), join(place, name), 'nodejs/')
    unpack(join(folder, `${name}.zip`), join(place, name))
  }
  /** by the environment as JSON */
  const hosts = new Map<string, { process: ChildProcess; stateBucket: string | undefined }>()
  let written = ''
  let calls = 0

  const end = async (ended: (stateBucket: string | undefined) => boolean): Promise<void> => {
    for (const [environment, { process: old, stateBucket }] of hosts) {
      if (!ended(stateBucket)) continue
      hosts.delete(environment)
      if (old.exitCode !== null || old.signalCode !== null) continue
      const gone = once(old, 'exit')
      old.kill()
      await gone
    }
  }

  const begin = (environment: Record<string, string>): ChildProcess => {
    const child = fork(join(import.meta.dirname, 'packaged-host.js'), [place, String(door.port)], {
      execArgv: [],
      silent: true,
      env: {
        ...environment,
        PATH: process.env.PATH,
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: FUNCTIONS_KEY,
        AWS_SECRET_ACCESS_KEY: FUNCTIONS_SECRET,
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        NODE_EXTRA_CA_CERTS: door.certificate,
      },
    })
    for (const stream of [child.stdout, child.stderr]) stream!.on('data', (chunk: Buffer) => (written += chunk.toString()))
    // Every call under way listens.
    child.setMaxListeners(0)
    return child
  }

  const answerOf = (child: ChildProcess, id: number): Promise<LambdaAnswer> =>
    new Promise((resolve, reject) => {
      const over = (): void => void child.off('message', hear).off('exit', gone)
      const hear = ({ id: of, ...answer }: LambdaAnswer & { id: number }): void => {
        if (of !== id) return
        over()
        resolve(answer)
      }
      const gone = (code: number | null): void => {
        over()
        reject(new Error(`the functions' process ended with ${code}: ${written.slice(-2000)}`))
      }
      child.on('message', hear).on('exit', gone)
    })

  return {
    async call({ name: deployed, handler, timeoutSeconds, environment }, event, readings) {
      const stateBucket = environment.DRAYAGE_STATE_BUCKET
      await end((other) => other !== stateBucket)
      const text = JSON.stringify(environment)
      const host = hosts.get(text) ?? { process: begin(environment), stateBucket }
      if (!hosts.has(text)) host.process.once('exit', () => hosts.get(text) === host && hosts.delete(text))
      hosts.set(text, host)
      const id = ++calls
      const answer = answerOf(host.process, id)
      host.process.send({ id, function: deployed, handler, event, requestId: `request-${id}`, timeoutMs: timeoutSeconds * 1000, readings })
      return answer
    },
    written: () => written,
    close: () => end(() => true),
  }
}

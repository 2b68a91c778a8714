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
 * The zips of `folder` in a process of their own, laid out in `place`. It is begun with the first call, and anew when a
 * function's environment is another one than before: a stack deployed again has cold functions.
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
  let host: { process: ChildProcess; environment: string } | undefined
  let written = ''
  let calls = 0
  const waiting = new Map<number, { answer(answer: LambdaAnswer): void; fail(error: Error): void }>()

  const end = async (): Promise<void> => {
    const old = host?.process
    host = undefined
    if (old === undefined || old.exitCode !== null || old.signalCode !== null) return
    const gone = once(old, 'exit')
    old.kill()
    await gone
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
    child.on('message', ({ id, ...answer }: LambdaAnswer & { id: number }) => {
      waiting.get(id)?.answer(answer)
      waiting.delete(id)
    })
    child.on('exit', (code) => {
      if (host?.process === child) host = undefined
      for (const { fail } of waiting.values()) fail(new Error(`the functions' process ended with ${code}: ${written.slice(-2000)}`))
      waiting.clear()
    })
    return child
  }

  return {
    async call({ name: deployed, handler, timeoutSeconds, environment }, event, readings) {
      const text = JSON.stringify(environment)
      if (host?.environment !== text) {
        if (host !== undefined) await end()
        host = { process: begin(environment), environment: text }
      }
      const id = ++calls
      const answered = new Promise<LambdaAnswer>((answer, fail) => waiting.set(id, { answer, fail }))
      host.process.send({ id, function: deployed, handler, event, requestId: `request-${id}`, timeoutMs: timeoutSeconds * 1000, readings })
      return answered
    },
    written: () => written,
    close: end,
  }
}

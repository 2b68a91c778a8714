import { spawn } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LARGE_OBJECT_BYTES } from './corpus'
import { DESTINATION, PREFIX, SOURCE } from './places'

const COMMAND = fileURLToPath(new URL('../../cli/drayage.js', import.meta.url))
const OBSERVER = new URL('./observer.mjs', import.meta.url).href

/** A run that has not ended by then hangs (ms): an unkilled one takes some seconds. */
const PATIENCE_MS = 180_000

const REQUEST = {
  source: { bucket: SOURCE, endpoint: 'embedded' },
  destination: { bucket: DESTINATION, prefix: PREFIX, endpoint: 'embedded' },
  limits: { batchObjects: 40, largeObjectBytes: LARGE_OBJECT_BYTES },
}

/** One request of a run: the `nth` that fits, when it has arrived, or when its answer has been handed over. */
export interface Aim {
  what: string
  when: 'arrived' | 'answered'
  method: string
  /** a regular expression over the request's path and query as they came */
  url: string
  nth: number
}

/** When a run is killed: at a request, or some ms after its process began or its server was given the first request. */
export type KillPlan = { at: 'request'; aim: Aim } | { at: 'start' | 'first request'; ms: number }

export interface RunEnd {
  /** null: killed */
  code: number | null
  /** it was killed because it did not end */
  hung: boolean
  /** the document of --json, or undefined */
  status: string | undefined
  stderr: string
  /** ms from the first request to the end */
  ms: number
}

const firstRequest = async (observed: string, ended: () => boolean): Promise<void> => {
  while (!ended() && !(statSync(observed, { throwIfNoEntry: false })?.size ?? 0)) await pause(2)
}

/** One `drayage run` in a process of its own over `state`, killed as planned. */
export const run = async (
  { folder, state, name, observed }: { folder: string; state: string; name: string; observed: string },
  plan: KillPlan | undefined,
): Promise<RunEnd> => {
  const request = join(folder, 'request.json')
  writeFileSync(request, JSON.stringify(REQUEST))
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [COMMAND, 'run', request, '--state', state, '--name', name, '--json'], {
    cwd: folder,
    env: {
      PATH,
      HOME: folder,
      AWS_EC2_METADATA_DISABLED: 'true',
      NODE_OPTIONS: `--import ${OBSERVER}`,
      KILL_OBSERVED: observed,
      ...(plan?.at === 'request' ? { KILL_AT: JSON.stringify(plan.aim) } : {}),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  let hung = false
  const overdue = setTimeout(() => (hung = child.kill('SIGKILL')), PATIENCE_MS)
  let over = false
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve)).finally(() => (over = true))
  const killLater = async (ms: number) => {
    await Promise.race([pause(ms), ended])
    if (!over) child.kill('SIGKILL')
  }
  if (plan?.at === 'start') await killLater(plan.ms)
  await firstRequest(observed, () => over)
  const began = performance.now()
  if (plan?.at === 'first request') await killLater(plan.ms)
  const code = await ended
  clearTimeout(overdue)
  const document = code === null || stdout === '' ? undefined : (JSON.parse(stdout) as { status: string })
  return { code, hung, status: document?.status, stderr, ms: performance.now() - began }
}

/** The functions' log of a run, for the report of a violation; empty where there is none. */
export const logOf = (state: string, name: string): string => {
  const log = join(state, 'logs', `${name}.jsonl`)
  return statSync(log, { throwIfNoEntry: false }) ? readFileSync(log, 'utf8') : ''
}

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../../cli/drayage.js', import.meta.url))

/** How often the command's processes are looked at, ms. */
const LOOK_MS = 50

export interface Observed {
  code: number | null
  stdout: Buffer
  stderr: Buffer
  /** what any user of the machine can read of the command and its children, while it runs; empty where there is no /proc */
  commandLines: Buffer[]
}

export interface CommandOptions {
  cwd: string
  /** with these and a path the command has its whole environment */
  env: Record<string, string>
  input?: string
  /** interrupt it once standard error holds this */
  interruptAt?: string
  /** in place of the command itself */
  program?: string[]
}

const childrenOf = (pid: number): number[] => {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    )
  } catch {
    return []
  }
}

const commandLinesOf = (pid: number): Buffer[] => {
  try {
    return [readFileSync(`/proc/${pid}/cmdline`), ...childrenOf(pid).flatMap(commandLinesOf)]
  } catch {
    return []
  }
}

/** Runs `drayage` as a user does, and keeps everything that can be seen of it from outside. */
export const observe = (
  args: readonly string[],
  { cwd, env, input = '', interruptAt, program = [BIN] }: CommandOptions,
): Promise<Observed> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...program, ...args], { cwd, env: { PATH: process.env['PATH'], ...env } })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    const seen = new Map<string, Buffer>()
    const look = () => {
      if (child.pid !== undefined) for (const line of commandLinesOf(child.pid)) seen.set(line.toString('latin1'), line)
    }
    const looking = setInterval(look, LOOK_MS)
    let interrupted = false
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => {
      stderr.push(chunk)
      if (interrupted || interruptAt === undefined || !Buffer.concat(stderr).includes(interruptAt)) return
      interrupted = true
      child.kill('SIGINT')
    })
    child.stdin.on('error', () => undefined).end(input)
    child.on('error', reject).on('close', (code) => {
      clearInterval(looking)
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), commandLines: [...seen.values()] })
    })
  })

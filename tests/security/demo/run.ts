import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Observation } from '@drayage/core'

export interface Demo {
  runId: string
  verified: boolean
  /** every key of the run, tried while it was copying */
  working: Observation[]
  /** the same keys, tried after its end */
  refused: Observation[]
  /** as they were written */
  certificate: Buffer
  signature: string
}

/** How long a demo may take, in ms: on two busy cores it takes 60 s. */
const AT_MOST = 300_000

/** Runs `drayage demo` as a user does, and reads what it leaves. */
export const runDemo = async (): Promise<Demo> => {
  const folder = await mkdtemp(join(tmpdir(), 'drayage-demo-gate-'))
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['cli/drayage.js', 'demo', '--json', '--state', folder], {
      cwd: join(import.meta.dirname, '../../..'),
      timeout: AT_MOST,
      maxBuffer: 2 ** 26,
    })
    const document = JSON.parse(stdout) as Pick<Demo, 'runId' | 'verified' | 'working' | 'refused'>
    const names = await readdir(folder, { recursive: true })
    const find = async (name: string): Promise<Buffer> => {
      const found = names.find((path) => path.split('/').at(-1) === name && path.includes(document.runId))
      if (found === undefined) throw new Error(`the demo left no ${name}`)
      return readFile(join(folder, found))
    }
    return { ...document, certificate: await find('certificate.json'), signature: (await find('certificate.sig')).toString('utf8') }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

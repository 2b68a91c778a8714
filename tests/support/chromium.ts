import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FOUND = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => spawnSync(name, ['--version']).status === 0)

/** Tests that hang on a browser are skipped, by name, where there is none. */
export const describeWithChromium = FOUND === undefined ? describe.skip : describe

export interface Visit {
  /** the document once it was loaded */
  dom: string
  /** what the page said on its console, errors of its policy included */
  console: string[]
}

/** Runs headless Chromium once, with a profile of its own. */
const chromium = (args: readonly string[]): Promise<{ stdout: string; stderr: string }> => {
  const profile = mkdtempSync(join(tmpdir(), 'drayage-chromium-'))
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-component-update']
  const quiet = [
    '--disable-background-networking',
    '--disable-sync',
    '--hide-scrollbars',
    '--enable-logging=stderr',
    '--virtual-time-budget=3000',
  ]
  return new Promise<{ stdout: string; stderr: string }>((resolve, reject) => {
    execFile(
      FOUND!,
      [...flags, ...quiet, `--user-data-dir=${profile}`, ...args],
      { maxBuffer: 64 * 1024 * 1024, timeout: 120_000 },
      (error, stdout, stderr) => (error === null ? resolve({ stdout, stderr }) : reject(error as Error)),
    )
  }).finally(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }))
}

export const visit = async (url: string): Promise<Visit> => {
  const { stdout, stderr } = await chromium(['--dump-dom', url])
  return { dom: stdout, console: stderr.split('\n').filter((line) => line.includes('CONSOLE')) }
}

export interface Look {
  width: number
  height: number
  dark?: boolean
}

/** A picture of the page, as PNG. */
export const screenshot = async (url: string, file: string, { width, height, dark = false }: Look): Promise<void> => {
  await chromium([`--blink-settings=preferredColorScheme=${dark ? 0 : 1}`, `--window-size=${width},${height}`, `--screenshot=${file}`, url])
}

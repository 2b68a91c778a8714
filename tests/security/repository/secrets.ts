import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { gateOf, type Gate } from '../gate'

const ROOT = join(import.meta.dirname, '../../..')

/** Files in one call of the scanner: a command line has room for about 2 MB, and a path of ours takes less than 200 bytes. */
const AT_ONCE = 2000

interface Scanned {
  filePath: string
  messages: { message: string; loc: { start: { line: number } } }[]
}

/** What secretlint finds in some files of a folder, by .secretlintrc.json; secrets are masked. Throws if it could not look. */
const scan = (folder: string, files: readonly string[]): string[] => {
  const place = mkdtempSync(join(tmpdir(), 'drayage-secretlint-'))
  try {
    const found: string[] = []
    for (let from = 0; from < files.length; from += AT_ONCE) {
      // Into a file: written to a pipe, its answer is cut off at 64 kB when it exits.
      const output = join(place, 'found.json')
      const { status, stderr } = spawnSync(
        process.execPath,
        [
          ...[join(ROOT, 'node_modules/secretlint/bin/secretlint.js'), '--no-glob', '--secretlintrc', join(ROOT, '.secretlintrc.json')],
          ...['--format', 'json', '--output', output, ...files.slice(from, from + AT_ONCE)],
        ],
        { cwd: folder, encoding: 'utf8' },
      )
      if (status !== 0) throw new Error(`secretlint ended with ${status}: ${stderr}`)
      for (const { filePath, messages } of JSON.parse(readFileSync(output, 'utf8')) as Scanned[])
        found.push(...messages.map(({ message, loc }) => `${relative(folder, filePath)}:${loc.start.line} ${message}`))
    }
    return found
  } finally {
    rmSync(place, { recursive: true })
  }
}

/** Everything that is committed or about to be: what git ignores is never pushed. */
const committedFiles = (): string[] =>
  execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 26 })
    .split('\0')
    .filter((name) => name !== '')

const letters = (count: number): string => [...randomBytes(count)].map((byte) => 'BCDGHJKLMNPQRSTUVWXYZ234567'[byte % 27]).join('')

/** Secrets as somebody might commit them: made up on the spot, so that this file holds none. */
const PLANTED: Record<string, () => string> = {
  'an access key id': () => `key: ${['AK', 'IA'].join('')}${letters(16)}`,
  'a secret access key': () => `aws_secret_access_key = ${randomBytes(30).toString('base64').replaceAll(/[+/]/g, 'x')}`,
  'an account': () => `AWS_ACCOUNT_ID = 48${String(randomBytes(4).readUInt32BE() % 1e10).padStart(10, '7')}`,
  'a password in a URL': () => `https://someone:${letters(12)}@storage.acme-archive.net/bucket`,
  'a private key': () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' }) as string,
}

/** Looks for secrets in every file of the repository, and first in planted ones. */
export const secretScan = (): Gate => {
  const place = mkdtempSync(join(tmpdir(), 'drayage-planted-'))
  try {
    const controls = Object.entries(PLANTED).map(([title, secret], index) => {
      const file = `${index}.txt`
      writeFileSync(join(place, file), `${secret()}\n`)
      return { title, file }
    })
    const caught = scan(
      place,
      controls.map(({ file }) => file),
    )
    const missed = controls.filter(({ file }) => !caught.some((found) => found.startsWith(`${file}:`)))
    const files = committedFiles()
    if (files.length === 0) throw new Error('git names no file')
    const found = scan(ROOT, files)
    const gate = gateOf('secrets', [
      { title: 'control', problems: missed.map(({ title }) => `${title} was planted and not found`) },
      { title: 'committed', problems: found },
    ])
    return { ...gate, notes: [`${found.length} findings in ${files.length} files (control ${missed.length === 0 ? 'caught' : 'missed'})`] }
  } finally {
    rmSync(place, { recursive: true })
  }
}

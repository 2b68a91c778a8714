/**
 * `npm run licenses` writes THIRD-PARTY-LICENSES: every package that the layer or the command carries, with its licence, from
 * package-lock.json and the packages' own files. With `--check` it writes nothing, and fails if the file is not that.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { driftOf, runAsScript, type GeneratedFile } from './generated-file'

const OUTPUT = 'THIRD-PARTY-LICENSES'

/** SPDX names of licences that ask for their notice and no more. Any other name is a person's decision, made here. */
const ALLOWED = [
  ...['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'CC0-1.0', 'ISC', 'MIT', 'MIT-0'],
  ...['PSF-2.0', 'Python-2.0', 'Unlicense'],
]

const GRANT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so`

const WARRANTY = `THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`

/** For packages that name a licence and bring no text of it, and for builds that are installed on another platform only. */
const STANDARD_TEXTS: Record<string, string> = {
  MIT: `${GRANT}, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

${WARRANTY}`,
  'MIT-0': `${GRANT}.

${WARRANTY}`,
  'Apache-2.0': 'Licensed under the Apache License, Version 2.0, whose text stands elsewhere in this file.',
}

interface LockEntry {
  name?: string
  version: string
  license?: string
  dev?: boolean
  os?: string[]
}

interface Package {
  /** name, version and SPDX name */
  title: string
  /** its licence, and its notices if it has any */
  text: string
}

const readJson = (name: string): unknown => JSON.parse(readFileSync(name, 'utf8'))

const holderOf = (folder: string): string => {
  const { author } = readJson(join(folder, 'package.json')) as { author?: string | { name?: string } }
  return (typeof author === 'string' ? author : author?.name) ?? 'its contributors'
}

const ownTexts = (folder: string): string =>
  readdirSync(folder)
    .filter((name) => /^(licen[cs]e|copying|notice)/i.test(name))
    .sort()
    .map((name) =>
      readFileSync(join(folder, name), 'utf8')
        .replace(/\r\n?/g, '\n')
        .replace(/[ \t]+$/gm, '')
        .trim(),
    )
    .join('\n\n')

/** A package of the lock file. Throws an Error that says what to do when its licence is not allowed or its files are not there. */
const packageOf = (root: string, place: string, entry: LockEntry): Package => {
  const name = entry.name ?? place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const license = entry.license ?? 'no licence'
  const title = `${name} ${entry.version} (${license})`
  if (!ALLOWED.includes(license))
    throw new Error(`${title} is not allowed: use another package, or allow that licence in scripts/licenses.ts`)

  const standard = STANDARD_TEXTS[license] ?? ''
  // Which of these is installed depends on the machine, and this file must not.
  if (entry.os !== undefined) return { title, text: `Builds for one platform, with no file of their own here.\n\n${standard}` }

  const folder = join(root, place)
  if (!existsSync(folder)) throw new Error(`${title} is not installed: run npm ci`)
  const text = ownTexts(folder)
  if (text === '' && standard === '') throw new Error(`${title} brings no text of its licence: add the standard one to scripts/licenses.ts`)
  return {
    title,
    text:
      text === '' ? `Copyright ${holderOf(folder)} (as package.json says; the package brings no text of its licence)\n\n${standard}` : text,
  }
}

/** What THIRD-PARTY-LICENSES must hold: each text once, under the packages it belongs to, the same on every machine. */
export const thirdPartyLicenses = (root: string): string => {
  const lock = readJson(join(root, 'package-lock.json')) as { packages: Record<string, LockEntry> }
  const titlesByText = new Map<string, Set<string>>()
  for (const [place, entry] of Object.entries(lock.packages)) {
    if (place === '' || entry.dev === true) continue
    const { title, text } = packageOf(root, place, entry)
    titlesByText.set(text, (titlesByText.get(text) ?? new Set()).add(title))
  }
  const sections = [...titlesByText].map(([text, titles]) => `${[...titles].sort().join('\n')}\n\n${text}\n`).sort()
  const rule = `\n${'-'.repeat(120)}\n\n`
  return ['Packages that the Lambda layer or the command of Drayage carries. Written by npm run licenses.\n', ...sections].join(rule)
}

const FILE: GeneratedFile = { name: OUTPUT, from: 'package-lock.json', command: 'licenses', make: thirdPartyLicenses }

/** See `driftOf`. */
export const licenseDrift = (root: string): string | undefined => driftOf(FILE, root)

runAsScript(FILE, import.meta.url)

import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { licenseDrift, thirdPartyLicenses } from '../../scripts/licenses'

const ROOT = join(import.meta.dirname, '../..')

describe('THIRD-PARTY-LICENSES', () => {
  let root: string
  const lock = (packages: Record<string, object>): void =>
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: { '': { name: 'planted' }, ...packages } }))
  const install = (name: string, files: Record<string, string>): void => {
    const folder = join(root, 'node_modules', name)
    mkdirSync(folder, { recursive: true })
    for (const [file, text] of Object.entries({ 'package.json': '{}', ...files })) writeFileSync(join(folder, file), text)
  }
  const write = (): void => writeFileSync(join(root, 'THIRD-PARTY-LICENSES'), thirdPartyLicenses(root))

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'drayage-licenses-'))
    lock({ 'node_modules/a': { version: '1.0.0', license: 'MIT' } })
    install('a', { LICENSE: 'Copyright A' })
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('is what package-lock.json and the packages say', () => {
    expect(licenseDrift(ROOT)).toBeUndefined()
    const packages = Object.keys((JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object }).dependencies)
    for (const name of packages) expect(readFileSync(join(ROOT, 'THIRD-PARTY-LICENSES'), 'utf8')).toContain(`\n${name} `)
  })

  it('missing, or one letter off, is drift that says how to mend it', () => {
    const words = 'THIRD-PARTY-LICENSES is not what package-lock.json says: run npm run licenses and commit it'
    expect(licenseDrift(root)).toBe(words)
    write()
    expect(licenseDrift(root)).toBeUndefined()
    appendFileSync(join(root, 'THIRD-PARTY-LICENSES'), ' ')
    expect(licenseDrift(root)).toBe(words)
  })

  it('drifts with a new version, a new package and a new text', () => {
    write()
    lock({ 'node_modules/a': { version: '1.0.1', license: 'MIT' } })
    expect(licenseDrift(root)).toBeDefined()
    write()
    lock({
      'node_modules/a': { version: '1.0.1', license: 'MIT' },
      'node_modules/a/node_modules/@b/b': { version: '2.0.0', license: 'ISC' },
    })
    install('a/node_modules/@b/b', { COPYING: 'Copyright B' })
    expect(licenseDrift(root)).toBeDefined()
    write()
    expect(readFileSync(join(root, 'THIRD-PARTY-LICENSES'), 'utf8')).toContain('@b/b 2.0.0 (ISC)\n\nCopyright B\n')
    install('a', { NOTICE: 'This product includes planted words' })
    expect(licenseDrift(root)).toBeDefined()
  })

  it.each(['GPL-3.0-only', 'AGPL-3.0', 'SEE LICENSE IN LICENSE.md', '(MIT OR GPL-2.0)', undefined])('refuses %s', (license) => {
    lock({ 'node_modules/a': { version: '1.0.0', license } })
    expect(() => thirdPartyLicenses(root)).toThrow(`a 1.0.0 (${license ?? 'no licence'}) is not allowed`)
  })

  it('leaves out what is only for development, whatever its licence', () => {
    lock({
      'node_modules/a': { version: '1.0.0', license: 'MIT' },
      'node_modules/dev': { version: '1.0.0', license: 'GPL-3.0-only', dev: true },
    })
    expect(thirdPartyLicenses(root)).not.toContain('dev 1.0.0')
  })

  it('does not depend on which platform builds are installed', () => {
    lock({ 'node_modules/a-linux': { version: '1.0.0', license: 'MIT', os: ['linux'] } })
    const before = thirdPartyLicenses(root)
    install('a-linux', { LICENSE: 'Copyright A' })
    expect(thirdPartyLicenses(root)).toBe(before)
    expect(before).toContain('a-linux 1.0.0 (MIT)')
  })

  it('gives the standard text, and says so, for a package that brings none', () => {
    install('b', { 'package.json': '{"author":{"name":"B and others"}}' })
    lock({ 'node_modules/b': { version: '1.0.0', license: 'MIT' } })
    expect(thirdPartyLicenses(root)).toMatch(/Copyright B and others \(as package\.json says[^]*Permission is hereby granted/)
    lock({ 'node_modules/b': { version: '1.0.0', license: 'ISC' } })
    expect(() => thirdPartyLicenses(root)).toThrow('brings no text of its licence')
  })

  it('asks for npm ci when a package is not installed', () => {
    lock({ 'node_modules/gone': { version: '1.0.0', license: 'MIT' } })
    expect(() => thirdPartyLicenses(root)).toThrow('gone 1.0.0 (MIT) is not installed: run npm ci')
  })
})

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ESLint, type Linter } from 'eslint'
import tseslint from 'typescript-eslint'

const ROOT = join(import.meta.dirname, '../..')
const house = (await import(join(ROOT, 'eslint.config.js'))) as { default: Linter.Config[]; ROOMS: Record<string, string[]> }

/** Rules that need types are off: they want files that exist, and planted ones do not. */
const untyped = new ESLint({
  cwd: ROOT,
  overrideConfigFile: true,
  baseConfig: house.default,
  overrideConfig: tseslint.configs.disableTypeChecked as Linter.Config,
})

/** The rules that speak against this text in this place. */
const complaints = async (place: string, text: string, linter = untyped): Promise<string[]> => {
  const [result] = await linter.lintText(`${text}\n`, { filePath: join(ROOT, place) })
  const unlinted = result === undefined ? 'ignored' : result.messages.find(({ ruleId }) => ruleId === null)?.message
  if (result === undefined || unlinted !== undefined) throw new Error(`${place} was not linted: ${unlinted}`)
  return result.messages.map(({ ruleId }) => ruleId ?? '')
}

const PATHS = 'import-x/no-restricted-paths'
const PACKAGES = '@typescript-eslint/no-restricted-imports'
const GLOBALS = 'no-restricted-globals'
const PROPERTIES = 'no-restricted-properties'
const SYNTAX = 'no-restricted-syntax'

const isWithin = (path: string, room: string): boolean => path === room || path.startsWith(`${room}/`)

/** A module of a room (and of none that stands inside it), as another room would name it: the rule sees only imports that resolve. */
const someModuleOf = (room: string): string => {
  if (room.endsWith('.ts')) return room.replace(/\.ts$/, '')
  const inside = Object.keys(house.ROOMS).filter((other) => other !== room && isWithin(other, room))
  const modules = readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => `${room}/${name.replace(/\.ts$/, '')}`)
    .filter((path) => !inside.some((other) => isWithin(path, other)))
  if (modules[0] === undefined) throw new Error(`${room} has no module that could be imported`)
  return modules.sort()[0] ?? ''
}

const specifier = (from: string, path: string): string => `${'../'.repeat(from.split('/').length)}${path}`

/** A copy by hand of ROOMS in eslint.config.js, so that the table cannot be widened unnoticed. */
const MAY_IMPORT: Record<string, string[]> = {
  'layers/core/domain': [],
  'layers/core/stores': ['layers/core/domain'],
  'layers/core/access': ['layers/core/domain'],
  'layers/core/transfer': ['layers/core/domain'],
  'layers/core/handler': ['layers/core/domain', 'layers/core/stores', 'layers/core/access', 'layers/core/transfer'],
  layers: [
    'layers/core/domain',
    'layers/core/stores',
    'layers/core/access',
    'layers/core/transfer',
    'layers/core/handler',
    'layers/core/index.ts',
  ],
  functions: ['layers/core/index.ts'],
  'cli/local/s3-server': ['layers/core/domain'],
  'cli/local/engine': ['layers/core/domain'],
  cli: [
    'layers/core/domain',
    'layers/core/stores',
    'layers/core/access',
    'layers/core/transfer',
    'layers/core/handler',
    'layers/core/index.ts',
    'functions',
    'cli/local/s3-server',
    'cli/local/engine',
  ],
  scripts: [
    'layers/core/domain',
    'layers/core/stores',
    'layers/core/access',
    'layers/core/transfer',
    'layers/core/handler',
    'layers/core/index.ts',
    'functions',
    'cli/local/s3-server',
    'cli/local/engine',
    'cli',
  ],
}

const ROOMS = [...Object.keys(MAY_IMPORT).filter((room) => room !== 'layers'), 'layers/core/index.ts', 'tests']

describe('the import direction', () => {
  it.each(Object.keys(MAY_IMPORT))('%s', async (from) => {
    const wrong: string[] = []
    for (const to of ROOMS.filter((room) => room !== from)) {
      const may = MAY_IMPORT[from]?.includes(to) ?? false
      const refused = (await complaints(`${from}/planted.ts`, `import '${specifier(from, someModuleOf(to))}'`)).includes(PATHS)
      if (refused === may) wrong.push(`${from} → ${to}: ${refused ? 'refused' : 'let through'}`)
    }
    expect(wrong).toEqual([])
  })

  it('lets tests import everything', async () => {
    for (const to of ROOMS) expect(await complaints('tests/planted.ts', `import '../${someModuleOf(to)}'`)).toEqual([])
  })

  it.each([
    ["import type { core } from '@drayage/core'", 'layers/core/domain/planted.ts'],
    ["import '@drayage/core'", 'layers/core/access/planted.ts'],
    ["export * from '../handler/services'", 'layers/core/transfer/planted.ts'],
    ["export const later = () => import('../handler/services')", 'layers/core/stores/planted.ts'],
    ["import '../handler/services'", 'layers/core/domain/deeper/room/../../planted.ts'],
    ["import { errorName } from '../../../layers/core/stores/../handler/services'", 'cli/local/engine/planted.ts'],
  ])('sees %s', async (text, place) => {
    expect(await complaints(place, text)).toContain(PATHS)
  })

  it('has a rule for every room of the layer', () => {
    const rooms = readdirSync(join(ROOT, 'layers/core')).filter((name) => name !== 'index.ts')
    expect(rooms.filter((name) => house.ROOMS[`layers/core/${name}`] === undefined)).toEqual([])
  })
})

const DOMAIN = 'layers/core/domain/planted.ts'
const TRANSFER = 'layers/core/transfer/planted.ts'
const FUNCTION = 'functions/planted.ts'

describe('what a room may reach besides rooms', () => {
  it.each([
    [DOMAIN, "import { S3Client } from '@aws-sdk/client-s3'", PACKAGES],
    [DOMAIN, "import type { S3Client } from '@aws-sdk/client-s3'", undefined],
    [DOMAIN, "import { request } from 'undici'", PACKAGES],
    [DOMAIN, "import { readFileSync } from 'node:fs'", PACKAGES],
    [DOMAIN, "import { readFileSync } from 'fs'", PACKAGES],
    [DOMAIN, "import { readFile } from 'node:fs/promises'", PACKAGES],
    [DOMAIN, "import { request } from 'node:http'", PACKAGES],
    [DOMAIN, "import { connect } from 'node:net'", PACKAGES],
    [DOMAIN, "import { hostname } from 'node:os'", PACKAGES],
    [DOMAIN, "import { env } from 'node:process'", PACKAGES],
    [DOMAIN, "import { setTimeout } from 'node:timers/promises'", PACKAGES],
    [DOMAIN, "import { Readable } from 'node:stream'", PACKAGES],
    [DOMAIN, "import type { Readable } from 'node:stream'", undefined],
    [DOMAIN, "import { createHash } from 'node:crypto'", undefined],
    [DOMAIN, "import { randomUUID } from 'node:crypto'", PACKAGES],
    [DOMAIN, "import { z } from 'zod'", undefined],
    [DOMAIN, "import { z } from 'zod/../undici'", PACKAGES],
    [DOMAIN, "export const late = () => import('node:fs')", SYNTAX],
    [DOMAIN, 'export const stage = process.env.STAGE', GLOBALS],
    [DOMAIN, 'export const reach = globalThis', GLOBALS],
    [DOMAIN, "console.log('')", GLOBALS],
    [DOMAIN, 'setTimeout(() => {}, 1)', GLOBALS],
    [DOMAIN, 'export const at = Date.now()', PROPERTIES],
    [DOMAIN, 'export const draw = Math.random()', PROPERTIES],
    [DOMAIN, 'export const at = new Date()', SYNTAX],
    [DOMAIN, 'export const at = Date()', SYNTAX],
    [DOMAIN, "export const at = new Date('2026-01-02T03:04:05Z')", undefined],
    [DOMAIN, "export const bytes = Buffer.from('key')", undefined],
    [TRANSFER, "import { S3Client } from '@aws-sdk/client-s3'", PACKAGES],
    [TRANSFER, "import { request } from 'undici'", PACKAGES],
    [TRANSFER, "import { createReadStream } from 'node:fs'", PACKAGES],
    [TRANSFER, 'export const stage = process.env.STAGE', GLOBALS],
    [TRANSFER, "import { pipeline } from 'node:stream/promises'", undefined],
    [TRANSFER, "import { crc32 } from 'node:zlib'", undefined],
    [FUNCTION, "import { errorName } from '../layers/core/index'", PACKAGES],
    [FUNCTION, "import { S3Client } from '@aws-sdk/client-s3'", PACKAGES],
    [FUNCTION, "import type { Context } from 'aws-lambda'", undefined],
    [FUNCTION, "import { errorName } from '@drayage/core'", undefined],
    [FUNCTION, "import { handler } from './copy-batch'", undefined],
    [FUNCTION, "import '../layers/core/domain/errors'", PACKAGES],
    ['cli/local/s3-server/planted.ts', "import { compareKeys } from '../../../layers/core/domain/keys'", PACKAGES],
    ['cli/local/s3-server/planted.ts', "import type { Key } from '../../../layers/core/domain/keys'", undefined],
    ['cli/local/engine/planted.ts', "import { readBytes } from '../../../layers/core/domain/state-files'", PACKAGES],
    ['cli/local/engine/planted.ts', "import { DrayageError } from '../../../layers/core/domain/errors'", undefined],
    ['layers/core/stores/planted.ts', "import { request } from 'undici'", undefined],
    ['layers/core/access/planted.ts', "console.log('')", 'no-console'],
    [FUNCTION, "console.log('')", 'no-console'],
    ['cli/planted.ts', "console.log('')", undefined],
  ])('%s: %s', async (place, text, rule) => {
    const found = (await complaints(place, text)).filter((id) => id !== '@typescript-eslint/no-unused-vars')
    if (rule === undefined) expect(found).toEqual([])
    else expect(found).toContain(rule)
  })
})

describe('what no text may do', () => {
  it.each([
    ["it.only('', () => {})", SYNTAX],
    ["describe.skip('', () => {})", SYNTAX],
    ["it.skip.each([1])('', () => {})", SYNTAX],
    ["it.concurrent.only('', () => {})", SYNTAX],
    ["it.todo('')", SYNTAX],
    ["xit('', () => {})", GLOBALS],
    ["fdescribe('', () => {})", GLOBALS],
    ["const focused = true ? it : it.only\nfocused('', () => {})", SYNTAX],
    ["const hasMoto = 1 > 2\nconst withMoto = hasMoto ? describe : describe.skip\nwithMoto('', () => {})", undefined],
    ["if (1 > 2) it('', () => {})\nelse it.skip('no moto', () => {})", undefined],
    ["if (1 > 2) it.only('', () => {})", SYNTAX],
    ["it('', () => {})", undefined],
  ])('tests: %s', async (text, rule) => {
    const found = await complaints('tests/planted.test.ts', text)
    if (rule === undefined) expect(found).toEqual([])
    else expect(found).toContain(rule)
  })

  it('lets only tests/support skip without a condition', async () => {
    expect(await complaints('tests/support/planted.ts', "describe.skip('', () => {})")).toEqual([])
    expect(await complaints('tests/support/planted.ts', "describe.only('', () => {})")).toContain(SYNTAX)
  })

  it('has the typed rules on', async () => {
    const typed = new ESLint({ cwd: ROOT, overrideConfigFile: true, baseConfig: house.default })
    const text = [
      'const late = async (): Promise<void> => {}',
      'export const loose = (text: string): string => {',
      '  late()',
      '  const read: any = JSON.parse(text)',
      '  try { return read.key } catch {}',
      "  if (text == '') throw 'words'",
      "  return ''",
      '}',
    ].join('\n')
    // The name of a file that exists, so that the project knows it; the text is not the file's.
    const found = await complaints('layers/core/domain/keys.ts', text, typed)
    expect([...new Set(found)].sort()).toEqual([
      '@typescript-eslint/no-explicit-any',
      '@typescript-eslint/no-floating-promises',
      '@typescript-eslint/no-unsafe-assignment',
      '@typescript-eslint/no-unsafe-member-access',
      '@typescript-eslint/no-unsafe-return',
      '@typescript-eslint/only-throw-error',
      'eqeqeq',
      'no-empty',
    ])
  })
})

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Finding, Verdicts } from './finding'
import type { Resolved } from './resolve'

const RULES = join(import.meta.dirname, '../rules')
const BINARIES = join(import.meta.dirname, '../../../node_modules/@cdklabs/cdk-validator-cfnguard/bin')
const PLATFORM: Record<string, string> = { linux: 'ubuntu', darwin: 'macos' }
const ARCHITECTURE: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64' }

const binary = join(BINARIES, PLATFORM[process.platform] ?? process.platform, ARCHITECTURE[process.arch] ?? process.arch, 'cfn-guard')

/** Why cfn-guard cannot run here; undefined: it can. */
export const guardAbsent = (): string | undefined =>
  existsSync(binary) ? undefined : `cfn-guard has no build for ${process.platform} ${process.arch}`

/** Names of the rules in rules/*.guard. Throws if two files use one name: their answers could not be told apart. */
export const guardRules = (): string[] => {
  const names = readdirSync(RULES).flatMap((file) =>
    [...readFileSync(join(RULES, file), 'utf8').matchAll(/^rule (\w+)/gm)].map(([, name]) => name!),
  )
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`two rules are called ${twice}`)
  return names
}

interface Report {
  name: string
  not_compliant: { Rule: { name: string } }[]
  not_applicable: string[]
  compliant: string[]
}

/** No rule reads the state machine’s text, over which cfn-guard takes most of its time. */
const withoutDefinitions = (key: string, value: unknown): unknown => (key === 'DefinitionString' ? undefined : value)

/** Every text below `error_message`, wherever cfn-guard puts it. */
const messagesIn = (value: unknown): string[] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([key, inner]) => (key === 'error_message' && typeof inner === 'string' ? [inner] : messagesIn(inner)))

const findingsOf = ({ Rule }: { Rule: { name: string } }): Finding[] => {
  const ids = new Set(messagesIn(Rule).flatMap((message) => [...message.matchAll(/Path=\/Resources\/(\w+)/g)].map(([, id]) => id!)))
  if (ids.size === 0) return [{ rule: Rule.name, resource: 'the template' }]
  return [...ids].map((resource) => ({ rule: Rule.name, resource }))
}

/** Runs every rule over several templates at once, by any name: starting the binary takes longer than a template does. */
export const guardOn = (templates: Record<string, Resolved>): Record<string, Verdicts> => {
  const folder = mkdtempSync(join(tmpdir(), 'drayage-guard-'))
  try {
    const names = Object.keys(templates)
    for (const [index, name] of names.entries())
      writeFileSync(join(folder, `${index}.json`), JSON.stringify({ Resources: templates[name] }, withoutDefinitions))
    const { stdout, stderr, status } = spawnSync(
      binary,
      ['validate', '--rules', RULES, '--data', folder, '--structured', '--output-format', 'json', '--show-summary', 'none'],
      { encoding: 'utf8', maxBuffer: 2 ** 30 },
    )
    // 0: every rule holds, 19: one does not. Anything else is a rule that cfn-guard cannot read.
    if (status !== 0 && status !== 19) throw new Error(`cfn-guard ended with ${status}: ${stderr}${stdout}`)
    const reports = JSON.parse(stdout) as Report[]
    const verdicts: Record<string, Verdicts> = {}
    for (const { name, not_compliant, compliant } of reports) {
      verdicts[names[Number.parseInt(basename(name))]!] = {
        findings: not_compliant.flatMap(findingsOf),
        applied: new Set([...compliant, ...not_compliant.map(({ Rule }) => Rule.name)]),
      }
    }
    for (const name of names) if (verdicts[name] === undefined) throw new Error(`cfn-guard said nothing of ${name}`)
    return verdicts
  } finally {
    rmSync(folder, { recursive: true })
  }
}

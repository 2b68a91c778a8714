import type { Template } from '../../package/packaged'
import { gateOf, type Gate } from '../gate'
import { casesOf } from '../iam/gate'
import { unaccepted, type Accepted } from '../template/accepted'
import { textOf } from '../template/finding'
import { ruleNames, verdictsOn } from '../template/rules'
import type { VariantName } from '../template/variants'
import { MUTANTS, type Mutant } from './table'

type Templates = Record<VariantName, Template>

/** The template after the change. Throws if it finds nothing to change. */
const changed = ({ of, change }: Mutant, templates: Templates): Template => {
  const copy = structuredClone(templates[of])
  change(copy)
  if (JSON.stringify(copy) === JSON.stringify(templates[of])) throw new Error('it changes nothing')
  return copy
}

const failedCases = async (of: VariantName, template: Template, unlike?: Template): Promise<Set<string>> =>
  new Set((await casesOf(of, template, unlike)).filter(({ problems }) => problems.length > 0).map(({ title }) => title))

/** Plants every mutant, one at a time, and asks the rules and the cases. What they say of the template as it is counts for nothing. */
export const mutants = async (templates: Templates, accepted: readonly Accepted[], table: readonly Mutant[] = MUTANTS): Promise<Gate> => {
  const planted: Record<string, Template> = {}
  const checks: { title: string; problems: string[] }[] = []
  for (const mutant of table) {
    try {
      planted[mutant.name] = changed(mutant, templates)
    } catch (error) {
      checks.push({ title: mutant.name, problems: [`cannot be planted: ${(error as Error).message}`] })
    }
  }
  const before = verdictsOn(templates)
  const after = verdictsOn(planted)
  const failing = Object.fromEntries(
    await Promise.all((Object.keys(templates) as VariantName[]).map(async (of) => [of, await failedCases(of, templates[of])] as const)),
  ) as Record<VariantName, Set<string>>
  const notes: string[] = []
  const kills = new Set<string>()
  for (const { name, of } of table.filter(({ name }) => planted[name] !== undefined)) {
    const known = new Set(before[of]!.findings.map(textOf))
    const rules = new Set(
      unaccepted(after[name]!.findings, accepted)
        .filter((finding) => !known.has(textOf(finding)))
        .map(({ rule }) => rule),
    )
    const cases = [...(await failedCases(of, planted[name]!, templates[of]))].filter((title) => !failing[of].has(title))
    const killers = [...rules, ...(cases.length === 0 ? [] : [`${cases.length} IAM case${cases.length === 1 ? '' : 's'}`])]
    for (const rule of rules) kills.add(rule)
    notes.push(`${name}: ${killers.length === 0 ? 'seen by nobody' : `killed by ${killers.join(', ')}`}`)
    checks.push({ title: name, problems: killers.length === 0 ? ['neither a rule nor a case sees it'] : [] })
  }
  const gate = gateOf('mutants', checks, notes)
  // A rule that no mutant breaks may be one that nothing can break.
  const idle = ruleNames().filter((rule) => !kills.has(rule))
  return { ...gate, failures: [...gate.failures, ...idle.map((rule) => `no mutant breaks the rule ${rule}: add one`)] }
}

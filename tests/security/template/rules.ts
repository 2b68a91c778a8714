import type { Template } from '../../package/packaged'
import { gateOf, type Gate } from '../gate'
import { unaccepted, type Accepted, type Judged } from './accepted'
import { ASSERTIONS, assertionsOn } from './assertions'
import type { Finding, Verdicts } from './finding'
import { guardAbsent, guardOn, guardRules } from './guard'
import { resolve } from './resolve'

/** What every rule says of several templates, by any name. Without cfn-guard its rules are left out. */
export const verdictsOn = (templates: Record<string, Template>): Record<string, Verdicts> => {
  const resolved = Object.fromEntries(Object.entries(templates).map(([name, template]) => [name, resolve(template)]))
  const guard = guardAbsent() === undefined ? guardOn(resolved) : {}
  return Object.fromEntries(
    Object.entries(resolved).map(([name, resources]) => {
      const own = assertionsOn(resources)
      const others = guard[name] ?? { findings: [], applied: new Set<string>() }
      return [name, { findings: [...others.findings, ...own.findings], applied: new Set([...others.applied, ...own.applied]) }]
    }),
  )
}

export const ruleNames = (): string[] => [...(guardAbsent() === undefined ? guardRules() : []), ...Object.keys(ASSERTIONS)]

export const judgedBy = (verdicts: Record<string, Verdicts>): Judged => ({
  findings: Object.values(verdicts).flatMap(({ findings }) => findings),
  judged: new Set(ruleNames()),
})

/** One check per rule and variant that it says anything of. A rule that says nothing of any variant is a check that cannot fail. */
export const templateRules = (verdicts: Record<string, Verdicts>, accepted: readonly Accepted[]): Gate => {
  const absent = guardAbsent()
  const checks = ruleNames().flatMap((rule) => {
    const spoken = Object.entries(verdicts).filter(([, { applied }]) => applied.has(rule))
    if (spoken.length === 0) return [{ title: rule, problems: ['no variant of the template has anything that this rule speaks of'] }]
    return spoken.map(([name, { findings }]) => ({
      title: `[${name}] ${rule}`,
      problems: unaccepted(
        findings.filter((finding) => finding.rule === rule),
        accepted,
      ).map(({ resource }: Finding) => resource),
    }))
  })
  return gateOf('rules', checks, absent === undefined ? [] : [`rules/*.guard were skipped: ${absent}`])
}

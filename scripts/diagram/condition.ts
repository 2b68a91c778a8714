import type { ChoiceRule } from '../../cli/local/engine/definition'

const WORDS: Readonly<Record<string, string>> = {
  Equals: '=',
  LessThan: 'below',
  LessThanEquals: 'at most',
  GreaterThan: 'above',
  GreaterThanEquals: 'at least',
}

/** A Choice's rule in a few words: `listing.more = true`. */
export const conditionText = (rule: ChoiceRule): string => {
  if (rule.And) return rule.And.map(conditionText).join(' and ')
  if (rule.Or) return anyOf(rule.Or)
  if (rule.Not) return `not (${conditionText(rule.Not)})`
  const operator = Object.keys(rule).find((field) => !['Variable', 'Next', 'Comment'].includes(field)) ?? ''
  return `${place(rule.Variable)} ${comparison(operator, rule[operator])}`
}

/** The same question about several places is asked once: `failure, reportFailure: any present`. */
const anyOf = (rules: readonly ChoiceRule[]): string => {
  const texts = rules.map(conditionText)
  const [first = '', ...others] = texts.map((text) => text.slice(text.indexOf(' ') + 1))
  if (others.length === 0 || others.some((other) => other !== first) || rules.some((rule) => rule.Variable === undefined))
    return texts.join(' or ')
  return `${rules.map((rule) => place(rule.Variable)).join(', ')}: any ${first}`
}

const place = (path: unknown): string => String(path).replace(/^\$\.?/, '') || 'the state'

const comparison = (operator: string, value: unknown): string => {
  const isTest = /^Is(.+)$/.exec(operator)
  if (isTest) return operator === 'IsPresent' ? 'present' : `is ${isTest[1]!.toLowerCase()}`
  const [, , how = '', path] = /^(String|Numeric|Boolean)(.+?)(Path)?$/.exec(operator) ?? []
  return `${WORDS[how] ?? how} ${path ? place(value) : String(value)}`
}

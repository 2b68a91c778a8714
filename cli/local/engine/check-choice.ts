import { asList, asObject, checkPath, inside, refuse, type At, type Json } from './check-values'
import { COMPARISONS } from './fields'

const COMBINING = ['And', 'Or', 'Not']

/**
 * Refused beside the unknown: `Is…: false`, which the library takes for "never" (write Not); text ordering, which it does in
 * UTF-16 and across types; StringMatches, whose wildcards are not AWS's; timestamps, which it reads as JavaScript does.
 */
export const checkRule = (value: unknown, at: At, outermost: boolean): void => {
  const rule = asObject(value, at)
  const operators = Object.keys(rule).filter((field) => !['Variable', 'Next', 'Comment'].includes(field))
  const operator = operators[0]
  if (operator === undefined || operators.length > 1) return refuse(at, `must have one comparison, not ${operators.length}`)
  if (!outermost && 'Next' in rule) refuse(inside(at, 'Next'), 'belongs to the outermost rule')
  if (COMBINING.includes(operator)) return checkCombined(rule, operator, at)
  checkComparison(rule, operator, at)
}

const checkCombined = (rule: Json, operator: string, at: At): void => {
  if ('Variable' in rule) refuse(inside(at, 'Variable'), `cannot stand beside ${operator}`)
  if (operator === 'Not') return checkRule(rule.Not, inside(at, 'Not'), false)
  const rules = asList(rule[operator], inside(at, operator))
  if (rules.length === 0) refuse(inside(at, operator), 'must not be empty')
  rules.forEach((inner, index) => checkRule(inner, inside(inside(at, operator), index), false))
}

const checkComparison = (rule: Json, operator: string, at: At): void => {
  const wanted = Object.hasOwn(COMPARISONS, operator) ? COMPARISONS[operator] : undefined
  const here = inside(at, operator)
  if (wanted === undefined) return refuse(here, 'this comparison is not run')
  checkPath(rule.Variable, inside(at, 'Variable'))
  if (wanted === 'path') checkPath(rule[operator], here)
  else if (wanted === 'true' ? rule[operator] !== true : typeof rule[operator] !== wanted)
    refuse(here, `must be ${wanted === 'true' ? 'true; write Not for the opposite' : `a ${wanted}`}`)
}

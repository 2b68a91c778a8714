import { checkLine, type Check } from '../bucket-checks'
import type { ChecklistFacts } from '../checklist'
import type { ChecklistItem, Phase } from '../checklist-item'
import { count } from '../units'
import { escape, list, MARKS, table } from './markup'

const checkRow = ({ title, level, result, evidence, remedy }: Check): string[] => [
  MARKS[result],
  title,
  level,
  result,
  evidence,
  remedy ?? '',
]

/** What Preflight found of the destination. */
export const preflight = ({ preflight: found }: ChecklistFacts): string => {
  if (found === undefined) return '<p>The run ended before Preflight had asked, or what it found cannot be read.</p>'
  const refused = found.problems.length === 0 ? '' : `<p class="bad">Preflight refused the run:</p>${list(found.problems)}`
  return `${refused}<p>As <b>${escape(found.dataClassification)}</b> data, at ${escape(found.at)}:</p>${table(
    'Checks before the run',
    ['', 'check', 'level', 'result', 'seen', 'to do'],
    found.checks.map(checkRow),
  )}`
}

/** What the same questions were answered at the end. */
export const postflight = ({ report: { postflight: found } }: ChecklistFacts): string => {
  if (!found.repeated) return `<p>Not repeated: ${escape(found.reason)}.</p>`
  const open = found.checks.filter(({ level, result }) => level !== 'info' && (result === 'fail' || result === 'unknown'))
  const told = open.length === 0 ? '' : `<p>At the end these did not pass:</p>${list(open.map(checkLine))}`
  if (found.drift.length === 0) return `<p>Asked again at ${escape(found.at)}: nothing has changed.</p>${told}`
  return `<p class="bad">Asked again at ${escape(found.at)}: this has changed.</p>${table(
    'What has changed',
    ['', 'what', 'before', 'after'],
    found.drift.map(({ title, before, after, blocks }) => [blocks ? 'not verified because of it' : 'warning', title, before, after]),
  )}${told}`
}

const PHASES: readonly (readonly [Phase, string])[] = [
  ['pre', 'Before the migration'],
  ['during', 'During the migration'],
  ['post', 'After the migration'],
  ['compliance', 'Compliance'],
  ['cleanup', 'Cleanup'],
  ['shared', 'Shared responsibility: yours'],
]

const itemRow = ({ status, text, evidence, todo }: ChecklistItem): string[] => [MARKS[status], text, status, evidence, todo ?? '']

/** Every line of the guides that this service answers to. */
export const checklist = ({ report: { checklist: lines = [] } }: ChecklistFacts): string => {
  const of = (status: ChecklistItem['status']) => lines.filter((item) => item.status === status).length
  const parts = PHASES.map(([phase, title]) =>
    table(title, ['', 'line', 'status', 'evidence', 'to do'], lines.filter((item) => item.phase === phase).map(itemRow)),
  )
  return `<p>${count(of('pass'))} passed, ${count(of('fail'))} failed, ${count(of('manual'))} for you to look at.</p>${parts.join('')}`
}

import type { Observation } from '../access'
import type { ChecklistFacts } from '../checklist'
import type { Closure } from '../closure'
import { count, counted } from '../units'
import { escape, list, MARKS, table } from './markup'

const observationRow = (step: string, { kind, name, call, answer, closed, at }: Observation): string[] => [
  closed ? MARKS.pass : MARKS.fail,
  step,
  kind,
  name,
  call,
  answer,
  at,
]

const comparison = ({ baseline }: Closure): string => {
  if (baseline === null) return ''
  const { before, after, unexplained } = baseline
  const found = `<p>${counted(before, 'role, schedule or key was', 'roles, schedules or keys were')} there before the run created anything, and ${count(after)} afterwards.</p>`
  return unexplained.length === 0
    ? found
    : `${found}<p class="bad">New since, and in no run's record: ${unexplained.map(({ kind, name }) => escape(`${kind} ${name}`)).join(', ')}.</p>`
}

/** What Cleanup saw of the end of the run's access. */
export const accessClosed = ({ closure, certificate, report }: ChecklistFacts): string => {
  if (closure === undefined) return '<p class="bad">Cleanup left no record: access may still be open.</p>'
  const words = closure.complete
    ? '<span class="good">Everything that this run opened was observed to be closed.</span>'
    : '<b class="bad">Something that this run opened may still exist.</b>'
  const proof =
    certificate === undefined
      ? '<p class="bad">There is no certificate.</p>'
      : `<p><code>${escape(report.files.certificate)}</code>, SHA-256 <code>${escape(certificate)}</code></p>`
  const rows = table(
    'What each step of Cleanup observed',
    ['', 'step', 'what', 'name', 'call', 'answer', 'at'],
    closure.steps.flatMap(({ step, name, observations }) => observations.map((one) => observationRow(`${step} ${name}`, one))),
  )
  const todo = closure.todo.length === 0 ? '' : `<h3>Left to you</h3>${list(closure.todo)}`
  return `<p>${words} Written at ${escape(closure.at)}.</p>${proof}${todo}${rows}${comparison(closure)}`
}

import type { ChoiceState, Machine, State, StateMachineDefinition } from '../../cli/local/engine/definition'
import { isDistributed } from '../../cli/local/engine/definition'
import { conditionText } from './condition'

/** The state machine as a mermaid flowchart: Parallels and Maps are boxes around what they run, ways of failure are dotted. */
export const flowchart = (definition: StateMachineDefinition): string =>
  ['flowchart TD', `  START_([start]) --> ${idOf(definition.StartAt)}`, ...machineLines(definition, '  '), ...styleLines(definition)].join(
    '\n',
  )

/** mermaid takes some lower-case words (end, style, class …) for its own: ids are told from them by their last letter. */
const idOf = (name: string): string =>
  `${name.replace(/[^A-Za-z0-9]/g, (character) => `_${character.charCodeAt(0).toString(16)}`)}${/^[A-Z]/.test(name) ? '' : '_'}`

/** Quoted labels may hold anything but these. */
const quoted = (text: string): string =>
  `"${text.replaceAll('#', '#35;').replaceAll('"', '#quot;').replaceAll('<', '#lt;').replaceAll('>', '#gt;')}"`

const quotedLines = (lines: readonly string[]): string => quoted(lines.join('\n')).replaceAll('\n', '<br/>')

const machineLines = (machine: Machine, indent: string): string[] => [
  ...Object.entries(machine.States).flatMap(([name, state]) => nodeLines(name, state, indent)),
  ...Object.entries(machine.States).flatMap(([name, state]) => edgeLines(name, state, indent)),
  ...catchLines(machine, indent),
]

const nodeLines = (name: string, state: State, indent: string): string[] => {
  if (state.Type === 'Parallel') return box(name, 'Parallel', state.Branches, indent)
  if (state.Type === 'Map') return box(name, isDistributed(state) ? 'Distributed Map' : 'Map', [state.ItemProcessor], indent)
  return [`${indent}${idOf(name)}${SHAPES[state.Type](quoted(name))}`]
}

const SHAPES: Readonly<Record<Exclude<State['Type'], 'Parallel' | 'Map'>, (label: string) => string>> = {
  Task: (label) => `[${label}]`,
  Choice: (label) => `{${label}}`,
  Pass: (label) => `(${label})`,
  Wait: (label) => `(${label})`,
  Succeed: (label) => `([${label}])`,
  Fail: (label) => `([${label}])`,
}

const box = (name: string, kind: string, machines: readonly Machine[], indent: string): string[] => {
  const inside =
    machines.length === 1
      ? machineLines(machines[0]!, `${indent}  `)
      : machines.flatMap((machine, index) => branch(name, machine, index, `${indent}  `))
  return [`${indent}subgraph ${idOf(name)} [${quoted(`${name} (${kind})`)}]`, ...inside, `${indent}end`]
}

const branch = (name: string, machine: Machine, index: number, indent: string): string[] => [
  `${indent}subgraph ${idOf(name)}_branch${index + 1} [${quoted(`branch ${index + 1}`)}]`,
  ...machineLines(machine, `${indent}  `),
  `${indent}end`,
]

const edgeLines = (name: string, state: State, indent: string): string[] => {
  if (state.Type === 'Choice') return choiceLines(name, state, indent)
  if (!('Next' in state) || state.Next === undefined) return []
  const evenSo = catchers(state).includes(state.Next) ? '|"even if it fails"|' : ''
  return [`${indent}${idOf(name)} -->${evenSo} ${idOf(state.Next)}`]
}

/** Where a state goes when it fails. */
const catchers = (state: State): string[] => (('Catch' in state && state.Catch) || []).map((catcher) => catcher.Next)

/** One arrow per next state, however many rules lead there. */
const choiceLines = (name: string, state: ChoiceState, indent: string): string[] => {
  const rules = new Map<string, string[]>()
  const add = (next: string, label: string): void => void rules.set(next, [...(rules.get(next) ?? []), label])
  for (const rule of state.Choices) if (rule.Next !== undefined) add(rule.Next, conditionText(rule))
  if (state.Default !== undefined) add(state.Default, 'otherwise')
  return [...rules].map(([next, labels]) => `${indent}${idOf(name)} -->|${quotedLines(labels)}| ${idOf(next)}`)
}

/** Up to two states draw their own dotted arrow to what catches them; more of them share one. None where Next leads there anyway. */
const catchLines = (machine: Machine, indent: string): string[] => {
  const caught = new Map<string, string[]>()
  for (const [name, state] of Object.entries(machine.States)) {
    const next = 'Next' in state ? state.Next : undefined
    for (const place of catchers(state)) if (place !== next) caught.set(place, [...(caught.get(place) ?? []), name])
  }
  return [...caught].flatMap(([next, names]) => {
    if (names.length <= 2) return names.map((name) => `${indent}${idOf(name)} -.->|fails| ${idOf(next)}`)
    return [`${indent}${idOf(next)}_on_failure>${quotedLines(['if any of these fails:', ...names])}] -.-> ${idOf(next)}`]
  })
}

const styleLines = (definition: StateMachineDefinition): string[] => {
  const named = (type: State['Type']): string =>
    allStates(definition)
      .filter(([, state]) => state.Type === type)
      .map(([name]) => idOf(name))
      .join(',')
  const [good, bad] = [named('Succeed'), named('Fail')]
  return [
    ...(good ? [`  classDef good stroke:#1a7f37,stroke-width:2px`, `  class ${good} good`] : []),
    ...(bad ? [`  classDef bad stroke:#cf222e,stroke-width:2px`, `  class ${bad} bad`] : []),
  ]
}

const allStates = (machine: Machine): [string, State][] =>
  Object.entries(machine.States).flatMap(([name, state]): [string, State][] => {
    const inner = state.Type === 'Parallel' ? state.Branches : state.Type === 'Map' ? [state.ItemProcessor] : []
    return [[name, state], ...inner.flatMap(allStates)]
  })

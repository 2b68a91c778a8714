import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadDefinition, parseDefinition } from '../../cli/local/engine'
import { flowchart } from '../../scripts/diagram/flowchart'
import { withDiagram } from '../../scripts/diagram/readme'

const FILE = 'statemachines/migrate.asl.yml'
const stateNames = (machine: any): string[] =>
  Object.entries<any>(machine.States).flatMap(([name, state]) => [
    name,
    ...[...(state.Branches ?? []), ...(state.ItemProcessor ? [state.ItemProcessor] : [])].flatMap(stateNames),
  ])

const EMPTY = '# Title\n\n<!-- diagram:begin -->\n<!-- diagram:end -->\n\nMore.\n'

describe('flowchart', () => {
  it('draws boxes, conditions, shared and own ways of failure', () => {
    const definition = parseDefinition(`
StartAt: A
States:
  A: {Type: Task, Resource: {Ref: a}, Catch: [{ErrorEquals: [States.ALL], Next: end}], Next: B}
  B:
    Type: Parallel
    Branches:
      - {StartAt: B1, States: {B1: {Type: Pass, End: true}}}
      - StartAt: B2
        States:
          B2: {Type: Map, ItemProcessor: {StartAt: B3, States: {B3: {Type: Task, Resource: {Ref: b}, End: true}}}, Catch: [{ErrorEquals: [X], Next: B4}], Next: B4}
          B4: {Type: Pass, End: true}
    Catch: [{ErrorEquals: [States.ALL], Next: end}]
    Next: C
  C:
    Type: Choice
    Choices:
      - {Variable: $.n, NumericGreaterThan: 3, Next: D}
      - {Or: [{Variable: $.x, IsPresent: true}, {Variable: '$.y[0]', IsPresent: true}], Next: D}
      - {Not: {Variable: $.s, StringEquals: '"<'}, Next: end}
    Default: D
  D: {Type: Task, Resource: {Ref: d}, Catch: [{ErrorEquals: [States.ALL], Next: end}], End: true}
  end: {Type: Fail, Error: E}
`)
    expect(flowchart(definition)).toBe(`flowchart TD
  START_([start]) --> A
  A["A"]
  subgraph B ["B (Parallel)"]
    subgraph B_branch1 ["branch 1"]
      B1("B1")
    end
    subgraph B_branch2 ["branch 2"]
      subgraph B2 ["B2 (Map)"]
        B3["B3"]
      end
      B4("B4")
      B2 -->|"even if it fails"| B4
    end
  end
  C{"C"}
  D["D"]
  end_(["end"])
  A --> B
  B --> C
  C -->|"n above 3<br/>x, y[0]: any present<br/>otherwise"| D
  C -->|"not (s = #quot;#lt;)"| end_
  end__on_failure>"if any of these fails:<br/>A<br/>B<br/>D"] -.-> end_
  classDef bad stroke:#cf222e,stroke-width:2px
  class end_ bad`)
  })

  it('draws every state of the state machine file once, in ids that mermaid takes for nothing else', () => {
    const definition = loadDefinition(FILE)
    const chart = flowchart(definition)
    const names = stateNames(definition)
    expect(names).toEqual(expect.arrayContaining(['ValidateRequest', 'CopyPartGroup', 'VerdictsWritten', 'Outcome']))
    for (const name of names) expect(chart.match(new RegExp(`^ *(subgraph )?${name} ?[\\[({]`, 'gm'))).toHaveLength(1)
    for (const [, id] of chart.matchAll(/^ *(?:subgraph )?(\w+)/gm)) expect(id).toMatch(/^([A-Z]|flowchart$|end$|classDef$|class$)/)
    expect(chart.match(/^ *subgraph /gm)).toHaveLength(chart.match(/^ *end$/gm)!.length)
  })
})

describe('withDiagram', () => {
  it('replaces only what is between the markers, and the second time changes nothing', () => {
    const once = withDiagram(EMPTY, 'flowchart TD')
    expect(once).toBe('# Title\n\n<!-- diagram:begin -->\n\n```mermaid\nflowchart TD\n```\n\n<!-- diagram:end -->\n\nMore.\n')
    expect(withDiagram(once, 'flowchart TD')).toBe(once)
  })

  it.each([
    ['none', 'no markers'],
    ['two', EMPTY + EMPTY],
    ['the wrong order', '<!-- diagram:end -->\n<!-- diagram:begin -->'],
  ])('refuses %s', (_, readme) => {
    expect(() => withDiagram(readme, 'x')).toThrow('<!-- diagram:begin -->')
  })
})

describe('npm run diagram', () => {
  const directory = mkdtempSync(join(tmpdir(), 'diagram-'))
  const machine = join(directory, FILE)
  const readme = join(directory, 'README.md')
  const run = (...args: string[]) =>
    spawnSync(
      process.execPath,
      ['--import', pathToFileURL(resolve('node_modules/tsx/dist/loader.mjs')).href, resolve('scripts/diagram.ts'), ...args],
      { cwd: directory, encoding: 'utf8' },
    )

  beforeAll(() => {
    mkdirSync(join(directory, 'statemachines'))
    copyFileSync(FILE, machine)
    writeFileSync(readme, EMPTY)
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  it('draws, then finds nothing to do, then finds a drift in either file and says in one line what to do', () => {
    expect(run('--check').status).toBe(1)
    expect(run()).toMatchObject({ status: 0, stderr: '' })
    expect(readFileSync(readme, 'utf8')).toContain('ValidateRequest --> OpenAccess')
    expect(run('--check')).toMatchObject({ status: 0, stderr: '' })

    writeFileSync(machine, readFileSync(machine, 'utf8').replace('Next: OpenAccess', 'Next: Preflight'))
    const drifted = run('--check')
    expect(drifted.status).toBe(1)
    expect(drifted.stderr.trim().split('\n')).toEqual([expect.stringContaining('npm run diagram')])
    expect(readFileSync(readme, 'utf8')).toContain('ValidateRequest --> OpenAccess')
  })
})

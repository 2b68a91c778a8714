import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { loadDefinition } from '../cli/local/engine'
import { flowchart } from './diagram/flowchart'
import { withDiagram } from './diagram/readme'

/** Draws statemachines/migrate.asl.yml into README.md; with --check only says whether that has been done. Run from the repository's root. */
const main = (): number => {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
  const readme = readFileSync('README.md', 'utf8')
  const drawn = withDiagram(readme, flowchart(loadDefinition('statemachines/migrate.asl.yml')))
  if (drawn === readme) return 0
  if (values.check) {
    console.error('README.md does not show statemachines/migrate.asl.yml as it is: run `npm run diagram` and commit README.md.')
    return 1
  }
  writeFileSync('README.md', drawn)
  return 0
}

try {
  process.exitCode = main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { gateOf, skippedGate, type Gate } from '../gate'
import type { Variants } from '../template/variants'

/** Holds every packaged template against CloudFormation's own schemas; a warning counts too. */
export const cfnLint = (variants: Variants): Gate => {
  if (spawnSync('cfn-lint', ['--version'], { stdio: 'ignore' }).status !== 0)
    return skippedGate('cfn-lint', 'cfn-lint is not on this machine: pip install cfn-lint')
  const checks = Object.entries(variants).map(([name, { folder }]) => {
    const { stdout, stderr, status } = spawnSync(
      'cfn-lint',
      ['--format', 'parseable', join(folder, 'cloudformation-template-update-stack.json')],
      { encoding: 'utf8', maxBuffer: 2 ** 26 },
    )
    const found = stdout.split('\n').filter((line) => line !== '')
    return { title: `[${name}]`, problems: status === 0 || found.length > 0 ? found : [`cfn-lint ended with ${status}: ${stderr}`] }
  })
  const findings = checks.reduce((sum, { problems }) => sum + problems.length, 0)
  return { ...gateOf('cfn-lint', checks), notes: [String(findings)] }
}

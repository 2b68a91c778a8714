import { fileURLToPath } from 'node:url'
import { motoAbsent } from '../support/moto'
import { deployedCanaries } from './canaries/deployed'
import { localCanaries } from './canaries/local'
import { noVerdicts } from './canaries/search'

/**
 * Runs migrations with random credentials, a host and an object key that stand nowhere else, and looks for them in everything that
 * is left or was printed, in every form that a program may have given them. The last cases are the controls: a canary that was
 * planted in each of these places, in each form, must be found.
 *
 * node --import tsx tests/security/canaries.ts
 */
export const canaries = async (): Promise<{ name: string; passed: number; total: number; failures: string[] }> => {
  const verdicts = noVerdicts()
  await localCanaries(verdicts)
  const absent = motoAbsent()
  if (absent === undefined) await deployedCanaries(verdicts)
  else process.stderr.write(`skipped: canaries in deployed functions: ${absent}\n`)
  return { name: 'canary credentials', ...verdicts }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { name, passed, total, failures } = await canaries()
  for (const failure of failures) process.stdout.write(`${failure}\n`)
  process.stdout.write(`${name}: ${passed} of ${total}\n`)
  process.exitCode = passed === total && total > 0 ? 0 : 1
}

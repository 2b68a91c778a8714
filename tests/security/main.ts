/**
 * `npm run test:security`: the gates, one after another. Each failure is a line of its own, and the last lines are the counts. The exit
 * code is 0 only when every gate that could be tried here held; one whose tool is absent is skipped by name.
 */
import { parseArgs } from 'node:util'
import { canaries } from './canaries'
import { killPoints } from './kill-points'
import { canariesEntry, killPointsEntry } from './life-gates'
import { certificateGate } from './demo/certificate'
import { demoKeys } from './demo/keys'
import { runDemo } from './demo/run'
import type { Gate } from './gate'
import { iamCases } from './iam/gate'
import { mutants } from './mutants/gate'
import { runGates, type Entry } from './run-gates'
import { lockFile } from './repository/lock-file'
import { secretScan } from './repository/secrets'
import { cfnLint } from './stack/cfn-lint'
import { motoCreates } from './stack/moto'
import { acceptedFindings, readAccepted } from './template/accepted'
import { judgedBy, templateRules, verdictsOn } from './template/rules'
import { packageVariants, type VariantName, type Variants } from './template/variants'
import type { Template } from '../package/packaged'

// As cli/drayage.js has it.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true'

/** Something that several gates need, made at the first one. */
const once = <Kind>(make: () => Kind): (() => Kind) => {
  let made: { value: Kind } | undefined
  return () => (made ??= { value: make() }).value
}

let made: Promise<Variants> | undefined
const variants = (): Promise<Variants> => (made ??= packageVariants())
const removeVariants = async (): Promise<void> => {
  // Variants that could not be packaged have failed the gates that asked for them.
  for (const { remove } of Object.values((await made?.catch(() => undefined)) ?? {})) await remove()
}
const templates = async () =>
  Object.fromEntries(Object.entries(await variants()).map(([name, { template }]) => [name, template])) as Record<VariantName, Template>
const verdicts = once(async () => verdictsOn(await templates()))
const accepted = once(readAccepted)
const demo = once(runDemo)
const today = (): string => new Date().toISOString().slice(0, 10)

const ofTotal = ({ passed, total }: Gate): string => `${passed} of ${total}`
const firstNote = ({ notes }: Gate): string => notes?.[0] ?? ''

const GATES: Entry[] = [
  {
    name: 'iam',
    about: 'every role of the template and of a run, asked in a simulator of IAM what it may and may not',
    run: async () => iamCases(await templates()),
    count: (gate) => `IAM cases ${ofTotal(gate)}`,
  },
  {
    name: 'rules',
    about: 'the packaged template in its variants, by cfn-guard and by assertions',
    run: async () => templateRules(await verdicts(), accepted()),
    count: (gate) => `template rules ${ofTotal(gate)}`,
  },
  {
    name: 'mutants',
    about: 'the template changed for the worse, one thing at a time: a rule or a case must see it',
    run: async () => mutants(await templates(), accepted()),
    count: (gate) => `mutants killed ${ofTotal(gate)}`,
  },
  killPointsEntry(killPoints),
  canariesEntry(canaries),
  {
    name: 'accepted',
    about: 'tests/security/accepted.json: no finding that is not in it, and nothing in it that is no more or too old',
    run: async () => acceptedFindings(accepted(), judgedBy(await verdicts()), today()),
    count: (gate) => `accepted findings ${firstNote(gate)}`,
  },
  {
    name: 'secrets',
    about: 'no secret in any file of the repository',
    run: secretScan,
    count: (gate) => `secret scan ${firstNote(gate)}`,
  },
  {
    name: 'lock',
    about: 'what is installed is what was looked at: hashes, registry, exact versions, and nothing of a test carried',
    run: lockFile,
    count: (gate) => `lock file ${ofTotal(gate)} (${firstNote(gate)})`,
  },
  {
    name: 'demo-keys',
    about: 'the demo’s keys work during its run and are refused after it',
    run: async () => demoKeys(await demo()),
    count: (gate) => `demo keys: ${firstNote(gate)}`,
  },
  {
    name: 'certificate',
    about: 'the demo’s certificate is verified offline, and a changed one refused',
    run: async () => certificateGate(await demo()),
    count: (gate) => `certificate: ${firstNote(gate)}`,
  },
  {
    name: 'cfn-lint',
    about: 'the packaged template is clean under cfn-lint',
    run: async () => cfnLint(await variants()),
    count: (gate) => `cfn-lint ${firstNote(gate)}`,
  },
  {
    name: 'moto',
    about: 'the packaged template is created by moto',
    run: async () => motoCreates(await variants()),
    count: (gate) => `moto created ${firstNote(gate)} resources`,
  },
]

const HELP = `npm run test:security [-- [--verbose] [GATE...]]

Runs the security gates, or those that are named:

${GATES.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}

  --verbose    also says what held: which gate killed which mutant, and the like
`

const main = async (names: readonly string[], verbose: boolean): Promise<number> => {
  const unknown = names.filter((name) => !GATES.some((gate) => gate.name === name))
  if (unknown.length > 0) {
    console.error(`no such gate: ${unknown.join(', ')}. There are: ${GATES.map(({ name }) => name).join(', ')}`)
    return 2
  }
  try {
    return await runGates(
      GATES.filter(({ name }) => names.length === 0 || names.includes(name)),
      console.log,
      verbose,
    )
  } finally {
    await removeVariants()
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' }, verbose: { type: 'boolean', short: 'v' } },
})
if (values.help) console.log(HELP)
else process.exitCode = await main(positionals, values.verbose ?? false)

import { createRequire } from 'node:module'
import { definition } from './harness'

/** asl-validator brings no types that a bundler resolution finds. */
const validate = createRequire(import.meta.url)('asl-validator') as (file: unknown, options: object) => { errors: unknown[] }

const ARN = 'arn:aws:lambda:us-east-1:123456789012:function:'

/** The file as CloudFormation hands it to Step Functions: function names become ARNs. */
const deployed = (part: unknown): unknown => {
  if (Array.isArray(part)) return part.map(deployed)
  if (typeof part !== 'object' || part === null) return part
  const { Ref } = part as { Ref?: string }
  return Ref === undefined ? Object.fromEntries(Object.entries(part).map(([name, value]) => [name, deployed(value)])) : ARN + Ref
}

const faults = (file: unknown): unknown[] => validate(deployed(file), { checkPaths: true, checkArn: true }).errors

test('the state machine file is valid Amazon States Language', () => {
  expect(faults(definition())).toEqual([])
})

test('the validator would find a state that leads nowhere', () => {
  const broken = structuredClone(definition()) as { States: Record<string, { Next?: string }> }
  broken.States.Preflight!.Next = 'Nowhere'
  expect(faults(broken)).not.toEqual([])
})

const textOf = (part: unknown): string => JSON.stringify(part)

/** From OpenAccess on every Task and Map is caught, and a caught failure leads to the books or to Cleanup. */
test('no top-level state after ValidateRequest can fail without Cleanup', () => {
  const { States } = definition() as unknown as {
    States: Record<string, { Type: string; Catch?: { ErrorEquals: string[]; Next: string }[] }>
  }
  const caught = Object.entries(States).filter(([, { Type }]) => ['Task', 'Map', 'Parallel'].includes(Type))
  const ways = Object.fromEntries(
    caught.map(([name, { Catch }]) => [name, Catch?.map(({ ErrorEquals, Next }) => `${ErrorEquals.join()} → ${Next}`)]),
  )
  const closing = ['States.ALL → Reconcile']
  expect(ways).toEqual({
    ValidateRequest: undefined,
    OpenAccess: closing,
    Preflight: closing,
    ListSource: closing,
    Estimate: closing,
    RestoreArchived: closing,
    CopyObjects: closing,
    VerifyBatches: closing,
    Reconcile: ['States.ALL → Cleanup'],
    Cleanup: ['States.ALL → WriteReport'],
    WriteReport: ['States.ALL → Outcome'],
  })
})

test('States.TaskFailed, which matches nearly everything, is in no Retry; and from a Map item only its key is read', () => {
  const text = textOf(definition())
  expect(text).not.toContain('States.TaskFailed')
  expect([...new Set([...text.matchAll(/\$\$\.Map\.Item\.Value(\.\w+)?/g)].map(([, field]) => field))]).toEqual(['.Key', undefined])
})

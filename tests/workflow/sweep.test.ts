import { lambda, logTo, type HeldSecret } from '@drayage/core'
import { sweep } from '../../functions/sweep'
import { fill, REQUEST, World } from './harness'

const context = { functionName: 'sweep', awsRequestId: 'test', getRemainingTimeInMillis: () => 60_000 }

/** A sweep over a world, with the warnings that it logs. */
const sweepOf = async (world: World, secrets: HeldSecret[] = []) => {
  const warnings: object[] = []
  const logger = logTo((line) => {
    const { level, message, detail, run } = JSON.parse(line) as Record<string, string>
    if (level === 'WARN') warnings.push({ message, ...(detail && { detail }), ...(run && { run }) })
  })
  const closed: string[] = []
  const callCleanup = async (runId: string) => {
    closed.push(runId)
    await world.call('cleanup', { migration: { runId } })
  }
  const services = { ...world.services, logger, callCleanup, heldSecrets: async () => secrets }
  world.metrics.length = 0
  const answer = await lambda(sweep, {}, () => services)({}, context)
  return { answer, warnings, closed, metrics: Object.fromEntries(world.metrics) }
}

const QUIET = { Orphans: 0, CredentialAge: 0, CredentialsExpired: 0 }

test('nothing to do: no call, no warning, and metrics of zero, so that an alarm has something to stand on', async () => {
  const world = new World()
  await fill(world.source, 3)
  await world.run(REQUEST, 'done')
  expect(await sweepOf(world)).toEqual({ answer: { closed: 0, orphans: 0 }, warnings: [], closed: [], metrics: QUIET })
})

test('a run that died is closed, and one that goes on is left', async () => {
  const world = new World()
  for (const [index, runId] of ['dead', 'alive'].entries()) {
    const request = { ...REQUEST, source: { ...REQUEST.source, bucket: `source-${index}` } }
    const migration = await world.call('validateRequest', { request, execution: { id: `x:${runId}`, name: runId } })
    await world.call('openAccess', { migration })
  }
  world.running.add('x:alive')
  expect(await sweepOf(world)).toMatchObject({ answer: { closed: 1, orphans: 0 }, closed: ['dead'], metrics: QUIET })
  expect([...world.access.existing]).toEqual(['schedule-alive', 'role-alive'])
  expect(await sweepOf(world)).toMatchObject({ answer: { closed: 0 } })
})

test('what no run has a record of is warned of by name and counted, and not deleted', async () => {
  const world = new World()
  world.access.existing.add('role-nobody')
  const { answer, warnings, metrics } = await sweepOf(world)
  expect(answer).toEqual({ closed: 0, orphans: 1 })
  expect(warnings).toEqual([{ message: expect.stringContaining('in no record'), detail: 'role role-nobody' }])
  expect(metrics).toEqual({ ...QUIET, Orphans: 1 })
  expect([...world.access.existing]).toEqual(['role-nobody'])
})

test('the age of the oldest credential and those past their expiry are counted', async () => {
  const now = Date.now()
  const secret = (name: string, days: number, expires: number | undefined): HeldSecret => ({
    name,
    since: new Date(now - days * 86_400_000),
    expiresAt: expires === undefined ? undefined : new Date(now + expires * 86_400_000),
  })
  const { metrics } = await sweepOf(new World(), [secret('new', 1, 3), secret('old', 31, -1), secret('without', 2, undefined)])
  expect(metrics.CredentialAge).toBeGreaterThanOrEqual(31 * 86_400)
  expect(metrics.CredentialAge).toBeLessThan(31 * 86_400 + 600)
  expect(metrics).toMatchObject({ Orphans: 0, CredentialsExpired: 1 })
})

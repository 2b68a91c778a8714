import { AccessDenied, lambda, type Report, type Services } from '@drayage/core'
import { emfMetrics, measure } from '../../layers/core/handler/metrics'
import { fill, REQUEST, World } from './harness'

/** What was written to standard output while `work` ran. */
const printed = async (work: () => unknown): Promise<string[]> => {
  const write = process.stdout.write
  const lines: string[] = []
  process.stdout.write = ((text: string) =>
    lines.push(...text.split('\n').filter((line) => line !== ''))) as unknown as typeof process.stdout.write
  try {
    await work()
  } finally {
    process.stdout.write = write
  }
  return lines
}

/** What CloudWatch asks of a line in the embedded metric format, of those metrics that alarms of ours stand on. */
const emfProblems = (line: string): string[] => {
  const item = JSON.parse(line) as Record<string, unknown>
  const { Timestamp, CloudWatchMetrics } = item['_aws'] as { Timestamp: unknown; CloudWatchMetrics: Record<string, unknown>[] }
  const problems: string[] = []
  if (!Number.isSafeInteger(Timestamp)) problems.push('the timestamp is no whole number of ms')
  if (CloudWatchMetrics.length !== 1) problems.push('more than one directive')
  const { Namespace, Dimensions, Metrics: metrics } = CloudWatchMetrics[0]!
  if (Namespace !== 'Drayage') problems.push(`namespace ${String(Namespace)}`)
  if (JSON.stringify(Dimensions) !== '[["stage"]]') problems.push(`dimensions ${JSON.stringify(Dimensions)}`)
  if (item['stage'] !== 'test') problems.push('the dimension has no value')
  const names = (metrics as { Name: string; Unit: string }[]).map(({ Name, Unit }) => {
    if (!['Count', 'Bytes', 'Milliseconds', 'Seconds'].includes(Unit)) problems.push(`unit ${Unit}`)
    if (typeof item[Name] !== 'number') problems.push(`${Name} is no number`)
    return Name
  })
  const others = Object.keys(item).filter((name) => !['_aws', 'stage', ...names].includes(name))
  if (others.length > 0) problems.push(`also ${others.join(', ')}`)
  return problems
}

const REPORT = {
  ledger: { listed: 10, copied: 4, skipped: 1, excluded: 1, changed: 1, failed: 2, unaccounted: 1, balanced: false },
  bytes: { listed: 100, copied: 40 },
  verification: { counts: { verified: 1, notExpected: 0, missing: 1, different: 2, unverifiable: 1, unaccounted: 0, extra: 9 } },
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:01:30.500Z',
} as unknown as Report

test('a run’s metrics, as CloudWatch reads them', async () => {
  const lines = await printed(() => measure(REPORT, emfMetrics('test')))
  expect(lines.flatMap(emfProblems)).toEqual([])
  const values = lines.map((line) => {
    const item = JSON.parse(line) as { _aws: { CloudWatchMetrics: { Metrics: { Name: string; Unit: string }[] }[] } } & Record<
      string,
      unknown
    >
    const [{ Name, Unit }] = item._aws.CloudWatchMetrics[0]!.Metrics as [{ Name: string; Unit: string }]
    return [Name, item[Name], Unit]
  })
  expect(values).toEqual([
    ['ObjectsTransferred', 4, 'Count'],
    ['BytesTransferred', 40, 'Bytes'],
    ['TransferDuration', 90_500, 'Milliseconds'],
    ['FailedTransfers', 4, 'Count'],
    ['VerificationMismatches', 4, 'Count'],
  ])
})

test('control: a line of another namespace, dimension or unit is found wrong', () => {
  const wrong = {
    _aws: {
      Timestamp: 'now',
      CloudWatchMetrics: [{ Namespace: 'Other', Dimensions: [['service', 'stage']], Metrics: [{ Name: 'A', Unit: 'Pints' }] }],
    },
    service: 'x',
  }
  expect(emfProblems(JSON.stringify(wrong))).toHaveLength(7)
})

test('what was measured is out at once, also when the call then fails, and with every call', async () => {
  const context = { functionName: 'f', awsRequestId: 'r', getRemainingTimeInMillis: () => 900_000 }
  const services: Services = { ...new World().services, metrics: emfMetrics('test') }
  const failing = lambda(
    async (_event, { services: { metrics } }) => {
      metrics.add('Orphans', 3, 'Count')
      metrics.add('CredentialAge', 60, 'Seconds')
      throw new AccessDenied('afterwards')
    },
    {},
    () => services,
  )
  const lines = await printed(async () => {
    for (let nth = 0; nth < 2; nth++) await expect(failing({}, context)).rejects.toThrow('afterwards')
  })
  expect(lines.map((line) => (JSON.parse(line) as { Orphans?: number }).Orphans)).toEqual([3, undefined, 3, undefined])
  expect(lines.flatMap(emfProblems)).toEqual([])
})

test('Reconcile measures each run once, whatever its end', async () => {
  const world = new World()
  await fill(world.source, 3)
  await world.run(REQUEST, 'measured')
  expect(world.metrics).toEqual([
    ['ObjectsTransferred', 3, 'Count'],
    ['BytesTransferred', expect.any(Number), 'Bytes'],
    ['TransferDuration', expect.any(Number), 'Milliseconds'],
    ['FailedTransfers', 0, 'Count'],
    ['VerificationMismatches', 0, 'Count'],
  ])

  const broken = new World({ faults: { preflight: { error: 'PreflightFailed' } } })
  await fill(broken.source, 3)
  await broken.run(REQUEST, 'broken')
  expect(broken.metrics.map(([name]) => name)).toEqual(world.metrics.map(([name]) => name))
})

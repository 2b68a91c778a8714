import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { CreateStateMachineCommand, DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { s3Store, type ObjectStore } from '@drayage/core'
import { describeWithMoto, MOTO_ACCOUNT, startMoto, type Moto } from '../support/moto'
import { definition, fill, listAll, REQUEST, World, type Fault } from '../workflow/harness'

const BUCKET = 'state-bucket'
const RUN = 'run-1'

let moto: Moto
let functions: Server
let state: ObjectStore & { close(): Promise<void> }
let world: World

/** The functions behind moto's Lambda: an error is Lambda's JSON, as AWS gives it to Step Functions. */
const serveFunctions = async (): Promise<string> => {
  functions = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')))
    request.on('end', () => {
      world.call(request.url!.slice(1), JSON.parse(body)).then(
        (answer) => response.end(JSON.stringify(answer)),
        ({ name, message }: Error) =>
          response.setHeader('x-function-error', '1').end(JSON.stringify({ errorType: name, errorMessage: message })),
      )
    })
  }).listen(0, '127.0.0.1')
  await new Promise((listening) => functions.once('listening', listening))
  return `http://127.0.0.1:${(functions.address() as AddressInfo).port}`
}

/** The file as CloudFormation hands it over. */
const deployed = (part: unknown): unknown => {
  if (part === '#{StateBucket}') return BUCKET
  if (Array.isArray(part)) return part.map(deployed)
  if (typeof part !== 'object' || part === null) return part
  const { Ref } = part as { Ref?: string }
  if (Ref !== undefined) return `arn:aws:lambda:us-east-1:${MOTO_ACCOUNT}:function:${Ref}`
  return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, deployed(value)]))
}

/** Runs the state machine in moto. Between two executions moto wants to be reset. */
const run = async (request: unknown, faults: Record<string, Fault> = {}) => {
  await fetch(`${moto.endpoint}/moto-api/reset`, { method: 'POST' })
  await fetch(`${moto.endpoint}/moto-api/config`, {
    method: 'POST',
    body: JSON.stringify({ stepfunctions: { execute_state_machine: true } }),
  })
  await new S3Client({ ...moto.settings, forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: BUCKET }))
  world = new World({ faults, state })
  await fill(world.source, 25, 1)
  const client = new SFNClient(moto.settings)
  const roleArn = `arn:aws:iam::${MOTO_ACCOUNT}:role/machine`
  const machine = await client.send(
    new CreateStateMachineCommand({ name: 'migrate', roleArn, definition: JSON.stringify(deployed(definition())) }),
  )
  const { executionArn } = await client.send(
    new StartExecutionCommand({ stateMachineArn: machine.stateMachineArn, name: RUN, input: JSON.stringify(request) }),
  )
  for (;;) {
    const { status, error, cause } = await client.send(new DescribeExecutionCommand({ executionArn }))
    if (status !== 'RUNNING') return { status, error, cause }
    await new Promise((later) => setTimeout(later, 100))
  }
}

describeWithMoto('the state machine file in moto’s interpreter, with the real functions behind its Lambda', () => {
  beforeAll(async () => {
    moto = await startMoto({ lambdas: await serveFunctions() })
    const reach = { endpoint: moto.endpoint, region: 'us-east-1', credentials: async () => moto.settings.credentials }
    state = s3Store({ bucket: BUCKET, reach, provider: 'minio' })
  }, 60_000)

  afterAll(async () => {
    await state.close()
    await moto.stop()
    functions.closeAllConnections()
    functions.close()
  })

  const closed = async (): Promise<void> => {
    expect([...world.access.existing]).toEqual([])
    expect((await world.certificate(RUN)).complete).toBe(true)
    expect(await world.destination.listUploads(Buffer.alloc(0))).toEqual([])
  }

  test('a good run: both fleets, verified, closed', async () => {
    expect(await run(REQUEST)).toMatchObject({ status: 'SUCCEEDED' })
    expect(await world.report(RUN)).toMatchObject({ outcome: 'verified', ledger: { listed: 26, copied: 26, balanced: true } })
    expect(await listAll(world.destination)).toHaveLength(26)
    await closed()
  })

  test('a dry run', async () => {
    expect(await run({ ...REQUEST, dryRun: true })).toMatchObject({ status: 'SUCCEEDED' })
    expect(await world.report(RUN)).toMatchObject({ outcome: 'estimated', listing: { listed: 26 } })
    expect(await listAll(world.destination)).toEqual([])
    await closed()
  })

  test('a request that is refused creates nothing', async () => {
    expect(await run({ ...REQUEST, dryrun: true })).toMatchObject({ status: 'FAILED', error: 'InvalidRequest' })
    expect(world.calls).toEqual(['validateRequest'])
  })

  test.each<[string, Fault]>([
    ['copyBatch', { error: 'StoreUnavailable', times: 1 }],
    ['listSource', { error: 'Sandbox.Timedout', times: 1, late: true }],
  ])('%s that fails once is tried again by name', async (task, fault) => {
    expect(await run(REQUEST, { [task]: fault })).toMatchObject({ status: 'SUCCEEDED' })
    await closed()
  })

  /** As in tests/workflow/migration.test.ts: both interpreters must end alike. */
  test.each([
    ['openAccess', 'NotVerified', 0],
    ['preflight', 'NotVerified', 0],
    ['listSource', 'NotVerified', 0],
    ['estimate', 'NotVerified', 0],
    ['copyBatch', 'NotVerified', 1],
    ['beginUpload', 'NotVerified', 25],
    ['copyPartGroup', 'NotVerified', 25],
    ['completeUpload', 'NotVerified', 25],
    ['verifyBatch', 'NotVerified', 26],
    ['reconcile', 'NotVerified', 26],
    ['writeReport', 'ReportNotWritten', 26],
    ['cleanup', 'CleanupIncomplete', 26],
  ])('%s throws for good: the run ends %s', async (task, ends, copied) => {
    expect(await run(REQUEST, { [task]: { error: 'SomeError' } })).toMatchObject({ status: 'FAILED', error: ends })
    expect(await listAll(world.destination)).toHaveLength(copied)
    for (const last of ['reconcile', 'cleanup', 'writeReport']) expect(world.called(last)).toBeGreaterThan(0)
    if (task !== 'cleanup') await closed()
  })
})

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { GetRoleCommand, IAMClient } from '@aws-sdk/client-iam'
import { CreateBucketCommand, ListMultipartUploadsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { CreateScheduleGroupCommand, GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler'
import { CreateSecretCommand, DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SFNClient } from '@aws-sdk/client-sfn'
import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { s3Store, type Closure, type ObjectStore, type Report } from '@drayage/core'
import { resourceName, useName } from '../../layers/core/access/names'
import { findJson, listNames, readBytes } from '../../layers/core/domain/state-files'
import { PAIRS, stateKeys } from '../../layers/core/domain/state-keys'
import type { Packaged, Template } from '../package/packaged'
import { SIZES } from '../package/rights'
import { MOTO_ACCOUNT, startMoto, type Moto } from './moto'
import { secureBucket } from './moto-destination'
import { openDoor, SOURCE_HOST, type Door } from './moto-door'
import { createStack, deployedDefinition, deployedFunctions, STACK, type Stack } from './moto-stack'
import { certificateFault } from './certificate-fault'
import { packagedFunctions, type DeployedFunction, type LambdaAnswer, type PackagedFunctions } from './packaged-functions'

export const REGION = 'eu-central-1'
export const SOURCE_BUCKET = 'source-bucket'
export const DESTINATION_BUCKET = 'destination-bucket'
export const DESTINATION_HOST = `${DESTINATION_BUCKET}.s3.${REGION}.amazonaws.com`
/** The source's credential, other ones in each process: in no log, no history and no report. */
export const SOURCE_KEY = `FAKEKEY${randomBytes(8).toString('hex').toUpperCase()}`
export const SOURCE_SECRET = randomBytes(30).toString('base64')
export const SOURCE_TOKEN = randomBytes(60).toString('base64')
const CREDENTIAL = 'acme'

export const MACHINE_ARN = `arn:aws:states:${REGION}:${MOTO_ACCOUNT}:stateMachine:${STACK}-migrate`
export const executionArn = (runId: string): string => `arn:aws:states:${REGION}:${MOTO_ACCOUNT}:execution:${STACK}-migrate:${runId}`

/** A fault of the shim between the interpreter and a function: the packaged function itself is never changed. */
export interface Fault {
  /** error name, given in place of the function's answer */
  error?: string
  answer?: unknown
  /** how many calls it strikes; left out: every one */
  times?: number
  /** after the function has done its work */
  late?: boolean
}

/** What exists of a run's access. */
export interface Held {
  write: boolean
  verify: boolean
  schedule: boolean
  secret: boolean
  uploads: number
  locked: boolean
}

export const NOTHING_HELD: Held = { write: false, verify: false, schedule: false, secret: false, uploads: 0, locked: false }

/** moto with the packaged functions behind its Lambda, and them talking to moto as if it were AWS. */
export interface Cloud {
  moto: Moto
  door: Door
  functions: PackagedFunctions
  /** Wipes everything and deploys the stack anew, with both buckets and the source's secret there. */
  deploy(): Promise<Deployment>
  close(): Promise<void>
}

export interface CloudOptions {
  packaged: Packaged
  /** an empty folder */
  place: string
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

export const openCloud = async ({ packaged: { template, folder }, place }: CloudOptions): Promise<Cloud> => {
  let deployment: Deployment | undefined
  const shim = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const name = request.url!.slice(`/${STACK}-`.length).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
      deployment!.invoke(name, JSON.parse(Buffer.concat(chunks).toString('utf8'))).then(
        ({ payload, failed }) => {
          if (failed) response.setHeader('x-function-error', '1')
          response.end(payload)
        },
        (error: Error) => response.writeHead(500).end(String(error.stack)),
      )
    })
  }).listen(0, '127.0.0.1')
  await once(shim, 'listening')
  mkdirSync(place, { recursive: true })
  const moto = await startMoto({ lambdas: `http://127.0.0.1:${(shim.address() as AddressInfo).port}` })
  const door = await openDoor(moto, place, REGION)
  const functions = packagedFunctions(folder, Object.keys(SIZES).map(kebab), join(place, 'functions'), REGION, door)
  const tell = async (path: string, body?: object) => {
    const reply = await fetch(`${moto.endpoint}/moto-api/${path}`, { method: 'POST', ...(body && { body: JSON.stringify(body) }) })
    if (!reply.ok) throw new Error(`moto-api/${path}: ${reply.status}`)
  }
  return {
    moto,
    door,
    functions,
    async deploy() {
      deployment?.end()
      await tell('reset')
      await tell('config', { stepfunctions: { execute_state_machine: false } })
      // The same names for every stack: functions stay warm from one run to the next.
      await tell('seed?a=1')
      door.forget()
      door.refuses = undefined
      const stack = await createStack(moto, REGION, template)
      const definition = await deployedDefinition(moto, REGION, stack)
      // From here on moto answers for Step Functions with another backend, which knows no machine of the stack's.
      await tell('config', { stepfunctions: { execute_state_machine: true } })
      deployment = new Deployment({ moto, door, functions }, stack, definition, await deployedFunctions(moto, REGION))
      await deployment.prepare(template)
      return deployment
    },
    async close() {
      deployment?.end()
      await functions.close()
      await door.close()
      await moto.stop()
      shim.closeAllConnections()
      shim.close()
    },
  }
}

/** One deployed stack, what was called of it, and what there is in it. */
export class Deployment {
  calls: string[] = []
  underWay = 0
  faults: Record<string, Fault> = {}
  /** by task, after how many looks at the clock a call's time is over */
  readings: Record<string, number> = {}
  /** the run whose calls it takes: one that was given up may still be calling */
  runId = ''
  /** what happens just before a task's first call */
  before: (task: string) => Promise<void> = async () => undefined
  readonly state: ObjectStore
  readonly destination: ObjectStore
  readonly #clients
  readonly #stores: { close(): Promise<void> }[] = []

  constructor(
    readonly cloud: Pick<Cloud, 'moto' | 'door' | 'functions'>,
    readonly stack: Stack,
    readonly definition: string,
    readonly functions: ReadonlyMap<string, DeployedFunction>,
  ) {
    const settings = { ...cloud.moto.settings, region: REGION }
    this.#clients = {
      iam: new IAMClient(settings),
      s3: new S3Client({ ...settings, forcePathStyle: true }),
      scheduler: new SchedulerClient(settings),
      secrets: new SecretsManagerClient(settings),
      sfn: new SFNClient(settings),
      sqs: new SQSClient(settings),
    }
    this.state = this.#store(stack.outputs.StateBucketName!)
    this.destination = this.#store(DESTINATION_BUCKET)
  }

  /** What waits in the queue of dead letters: the messages whole. They stay there, unseen for ten minutes. */
  async deadLetters(): Promise<string[]> {
    const letters: string[] = []
    for (;;) {
      const { Messages = [] } = await this.#clients.sqs.send(
        new ReceiveMessageCommand({ QueueUrl: this.#deadLetters, MaxNumberOfMessages: 10, VisibilityTimeout: 600 }),
      )
      if (Messages.length === 0) return letters
      letters.push(...Messages.map((message) => JSON.stringify(message)))
    }
  }

  /** How many wait there: nothing is taken. */
  async letters(): Promise<number> {
    const { Attributes } = await this.#clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: this.#deadLetters, AttributeNames: ['ApproximateNumberOfMessages'] }),
    )
    return Number(Attributes?.ApproximateNumberOfMessages)
  }

  async sendDeadLetter(MessageBody: string): Promise<void> {
    await this.#clients.sqs.send(new SendMessageCommand({ QueueUrl: this.#deadLetters, MessageBody }))
  }

  get #deadLetters(): string {
    return this.stack.outputs['DeadLetterQueueUrl']!
  }

  get sfn(): SFNClient {
    return this.#clients.sfn
  }

  #store(bucket: string): ObjectStore {
    const { endpoint, settings } = this.cloud.moto
    const store = s3Store({ bucket, reach: { endpoint, region: REGION, credentials: async () => settings.credentials }, provider: 'minio' })
    this.#stores.push(store)
    return store
  }

  /** Makes what the stack's user has, and the schedule group, which moto's CloudFormation passes over. */
  async prepare(template: Template): Promise<void> {
    const { s3, scheduler, secrets } = this.#clients
    await scheduler.send(new CreateScheduleGroupCommand({ Name: template.Resources.ScheduleGroup!.Properties.Name as string }))
    for (const Bucket of [SOURCE_BUCKET, DESTINATION_BUCKET]) {
      await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: REGION } }))
    }
    await secureBucket(s3, DESTINATION_BUCKET)
    const SecretString = JSON.stringify({
      endpoint: `https://${SOURCE_HOST}`,
      region: REGION,
      accessKeyId: SOURCE_KEY,
      secretAccessKey: SOURCE_SECRET,
      sessionToken: SOURCE_TOKEN,
      source: { bucket: SOURCE_BUCKET, prefix: '' },
      destination: { bucket: DESTINATION_BUCKET, prefix: '' },
      expiresAt: new Date(Date.now() + 7 * 86_400_000).toISOString(),
    })
    await secrets.send(new CreateSecretCommand({ Name: `drayage/dev/${CREDENTIAL}`, SecretString }))
  }

  /** Puts `small` objects of a few bytes, one of each size in `largeMib`, and `archived` ones in the class GLACIER into the source. */
  async fill(small: number, largeMib: readonly number[], archived = 0): Promise<void> {
    const put = (Key: string, Body: string | Buffer, StorageClass?: 'GLACIER') =>
      this.#clients.s3.send(new PutObjectCommand({ Bucket: SOURCE_BUCKET, Key, Body, StorageClass }))
    await Promise.all(Array.from({ length: small }, (_, index) => put(`object/${String(index).padStart(5, '0')}`, `body ${index}`)))
    for (let index = 0; index < archived; index++) await put(`cold/${index}`, `frozen ${index}`, 'GLACIER')
    for (const [index, mib] of largeMib.entries()) await put(`large/${index}`, Buffer.alloc(mib * 1024 * 1024, index + 1))
  }

  /** What Lambda does: calls the function, or lets a fault strike. */
  async invoke(task: string, event: unknown): Promise<LambdaAnswer> {
    const deployed = this.functions.get(task)
    if (deployed === undefined) throw new Error(`no function ${task} is deployed`)
    const { migration, execution } = event as { migration?: { runId: string }; execution?: { name: string } }
    const runId = migration?.runId ?? execution?.name
    if (runId !== undefined && !runId.includes(this.runId)) throw new Error(`a call of ${runId} during ${this.runId}`)
    this.calls.push(task)
    this.underWay++
    try {
      return await this.#answer(task, deployed, event)
    } finally {
      this.underWay--
    }
  }

  async #answer(task: string, deployed: DeployedFunction, event: unknown): Promise<LambdaAnswer> {
    const nth = this.called(task)
    if (nth === 1) await this.before(task)
    const fault = this.faults[task]
    const strikes = fault !== undefined && nth <= (fault.times ?? Infinity)
    if (!strikes) return this.cloud.functions.call(deployed, event, this.readings[task])
    if (fault.late) await this.cloud.functions.call(deployed, event)
    if (fault.error === undefined) return { payload: JSON.stringify(fault.answer) }
    return { payload: JSON.stringify({ errorType: fault.error, errorMessage: `planted: ${fault.error}` }), failed: true }
  }

  called(task: string): number {
    return this.calls.filter((called) => called === task).length
  }

  /** What exists of a run's access, by moto's own answers. */
  async held(runId: string): Promise<Held> {
    const { iam, s3, scheduler, secrets } = this.#clients
    const name = resourceName(runId)
    const role = (use: 'write' | 'verify') =>
      exists(iam.send(new GetRoleCommand({ RoleName: useName(runId, use) })), 'NoSuchEntityException')
    const [write, verify, schedule, secret, uploads, locks] = await Promise.all([
      role('write'),
      role('verify'),
      exists(scheduler.send(new GetScheduleCommand({ Name: name, GroupName: STACK })), 'ResourceNotFoundException'),
      exists(secrets.send(new DescribeSecretCommand({ SecretId: `drayage/dev/${CREDENTIAL}` })), 'ResourceNotFoundException'),
      s3.send(new ListMultipartUploadsCommand({ Bucket: DESTINATION_BUCKET })),
      listNames(this.state, PAIRS, {}),
    ])
    const held = await Promise.all(locks.map(async (lock) => (await findJson<{ holder: unknown }>(this.state, lock, {}))?.value.holder))
    return { write, verify, schedule, secret, uploads: uploads.Uploads?.length ?? 0, locked: held.some((holder) => holder) }
  }

  report = async (runId: string): Promise<Report | undefined> => (await findJson<Report>(this.state, stateKeys(runId).report, {}))?.value
  closure = async (runId: string): Promise<Closure | undefined> =>
    (await findJson<Closure>(this.state, stateKeys(runId).closure, {}))?.value

  /** What is wrong with a run's certificate, or that there is none; undefined: it holds. */
  async certificateFault(runId: string): Promise<string | undefined> {
    const { certificates, certificate, certificateSignature } = stateKeys(runId)
    const found = await listNames(this.state, certificates, {})
    if (found.length < 2) return `there is ${found.length === 0 ? 'none' : `only ${found[0]}`}`
    const [text, signature] = [await readBytes(this.state, certificate), await readBytes(this.state, certificateSignature)]
    return certificateFault(text.body, signature.body)
  }

  /** `key size` of what is at the destination. */
  async arrived(): Promise<string[]> {
    const found: string[] = []
    for await (const page of this.destination.list({ prefix: Buffer.alloc(0) }))
      for (const { key, size } of page) found.push(`${key.toString('utf8')} ${size}`)
    return found
  }

  end(): void {
    for (const client of Object.values(this.#clients)) client.destroy()
    for (const store of this.#stores) void store.close()
  }
}

const exists = async (asked: Promise<unknown>, gone: string): Promise<boolean> =>
  asked.then(
    () => true,
    (error: Error) => {
      if (error.name === gone) return false
      throw error
    },
  )

export const REQUEST = {
  source: { bucket: SOURCE_BUCKET, credential: CREDENTIAL, provider: 'minio' },
  destination: { bucket: DESTINATION_BUCKET, prefix: 'from/', region: REGION },
  limits: { batches: 4, largeObjects: 2, batchObjects: 10, largeObjectBytes: 5 * 1024 * 1024 },
}

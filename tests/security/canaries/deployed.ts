import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scenario } from '../../moto/scenarios'
import { packaged } from '../../package/packaged'
import {
  DESTINATION_BUCKET,
  openCloud,
  SOURCE_KEY,
  SOURCE_SECRET,
  SOURCE_TOKEN,
  type Cloud,
  type Deployment,
} from '../../support/moto-cloud'
import { SOURCE_HOST } from '../../support/moto-door'
import { inMoto } from '../../support/moto-interpreters'
import { runScenario } from '../../support/moto-run'
import { FUNCTIONS_KEY, FUNCTIONS_SECRET } from '../../support/packaged-functions'
import { formsOf } from './forms'
import { expectNowhere, expectPlanted, note, type Canary, type Places, type Verdicts } from './search'

const CANARIES: Canary[] = [
  { name: 'access key id of the source', text: SOURCE_KEY },
  { name: 'secret key of the source', text: SOURCE_SECRET },
  { name: 'session token of the source', text: SOURCE_TOKEN },
  { name: 'host of the source', text: SOURCE_HOST },
  { name: "access key id of the functions' role", text: FUNCTIONS_KEY },
  { name: "secret key of the functions' role", text: FUNCTIONS_SECRET },
]

/** A large object of which no byte can be had: its key stands in the words with which a function fails. */
const LARGE_KEY = 'large/0'

const unreadable = (key: string): NonNullable<Scenario['refuses']> => ({
  what: ({ host, url }) => host === SOURCE_HOST && url.includes(`/${key}`),
})

/** The ends that put something into each place: an object that fails is a dead letter, a source that goes is a function's failure. */
const RUNS: Scenario[] = [
  { name: 'a good run', ends: { status: 'SUCCEEDED', closedBy: 'cleanup', secret: 'deleted' } },
  {
    name: 'an object that cannot be read',
    refuses: unreadable('object/00007'),
    ends: { status: 'FAILED', closedBy: 'cleanup', secret: 'kept' },
  },
  {
    name: 'a source that refuses while it is copied',
    refuses: { from: 'copyBatch', what: ({ host }) => host === SOURCE_HOST },
    ends: { status: 'FAILED', closedBy: 'cleanup', secret: 'kept' },
  },
]

const stateFiles = async ({ state }: Deployment): Promise<[name: string, content: Buffer][]> => {
  const files: [string, Buffer][] = []
  for await (const page of state.list({ prefix: Buffer.alloc(0) }))
    for (const { key } of page) files.push([key.toString(), Buffer.concat((await (await state.read(key)).body.toArray()) as Buffer[])])
  return files
}

/** Everything that is left of a run, or was written by it. */
const gather = async (deployment: Deployment, written: string, history: string): Promise<Places> => {
  const files = await stateFiles(deployment)
  const named = (ending: string) => files.filter(([name]) => name.endsWith(ending)).map(([, content]) => content)
  const places: Places = new Map([
    ['logs and metrics', [Buffer.from(written)]],
    ['execution history', [Buffer.from(history)]],
    ['state bucket', files.flatMap(([name, content]) => [Buffer.from(name), content])],
  ])
  // Where they exist: a run that failed before it wrote one has none to search.
  for (const ending of ['report.html', 'report.json', 'certificate.json', 'failures.csv'])
    if (named(ending).length > 0) places.set(ending, named(ending))
  const letters = await deployment.deadLetters()
  if (letters.length > 0)
    places.set(
      'dead letters',
      letters.map((letter) => Buffer.from(letter)),
    )
  return places
}

/** The packaged functions in moto, as deployed ones run on AWS. */
export const deployedCanaries = async (verdicts: Verdicts): Promise<void> => {
  const place = await mkdtemp(join(tmpdir(), 'drayage-canaries-'))
  const output = await packaged(`allowedDestinations=${DESTINATION_BUCKET}`)
  const cloud = await openCloud({ packaged: output, place: join(place, 'cloud') })
  const seen = new Set<string>()
  let nth = 0
  const run = async (scenario: Scenario): Promise<{ places: Places; deployment: Deployment }> => {
    const before = cloud.functions.written().length
    const { end, history, deployment } = await runScenario(cloud, inMoto, scenario, `canary-${nth++}`)
    note(verdicts, end.status === scenario.ends.status, `deployed: ${scenario.name} ended ${end.status}: ${end.error}: ${end.cause}`)
    const places = await gather(deployment, cloud.functions.written().slice(before), history)
    for (const name of places.keys()) seen.add(name)
    return { places, deployment }
  }
  try {
    for (const scenario of RUNS) expectNowhere(verdicts, `deployed: ${scenario.name}`, (await run(scenario)).places, CANARIES)
    for (const name of ['dead letters', 'report.html', 'certificate.json'])
      note(verdicts, seen.has(name), `deployed: no run left a place called ${name}, so nothing of it was searched`)
    await hashedKeys(verdicts, run)
    await controls(verdicts, cloud)
  } finally {
    await cloud.close()
    await output.remove()
    await rm(place, { recursive: true })
  }
}

/** The key of an object that fails a function: in the log unless DRAYAGE_LOG_KEYS says hash, in the history never. */
const hashedKeys = async (verdicts: Verdicts, run: (scenario: Scenario) => Promise<{ places: Places }>): Promise<void> => {
  const failing = (environment: Record<string, string>): Scenario => ({
    name: 'a large object of which nothing can be read',
    refuses: unreadable(LARGE_KEY),
    environment,
    ends: { status: 'FAILED', closedBy: 'cleanup', secret: 'kept' },
  })
  const key: Canary[] = [{ name: 'object key', text: LARGE_KEY }]
  const readByMany = ({ places }: { places: Places }, ...names: string[]): Places =>
    new Map([...places].filter(([name]) => names.includes(name)))
  const hashed = await run(failing({ DRAYAGE_LOG_KEYS: 'hash' }))
  expectNowhere(
    verdicts,
    'deployed, keys hashed',
    readByMany(hashed, 'logs and metrics', 'execution history', 'dead letters', 'certificate.json'),
    key,
  )
  const full = await run(failing({}))
  expectNowhere(verdicts, 'deployed, keys in full', readByMany(full, 'execution history', 'dead letters', 'certificate.json'), key)
  const log = full.places.get('logs and metrics')!.toString()
  note(verdicts, log.includes(LARGE_KEY), 'deployed: control: with keys in full the log of the same run has none')
}

/** Plants a canary in each place, in every form that can stand there, and gathers again. */
const controls = async (verdicts: Verdicts, cloud: Cloud): Promise<void> => {
  const planted = `/${randomBytes(33).toString('base64').slice(1, -1)}+`
  const forms = formsOf(planted)
  const line = Buffer.concat(forms.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]))
  const texts = forms.filter(({ bytes }) => !bytes.includes(0))
  // What is put into JSON once more has its backslashes doubled, which is another text.
  const inJson = texts.filter(({ bytes }) => !bytes.includes('\\'))
  const names = (some: typeof forms) => some.map(({ name }) => name)

  const refused: Scenario = {
    name: 'a request that holds a canary',
    request: { planted: inJson.map(({ bytes }) => bytes.toString()) },
    ends: { status: 'FAILED', closedBy: 'nothing was opened', secret: 'kept' },
  }
  const before = cloud.functions.written().length
  const { history, deployment } = await runScenario(cloud, inMoto, refused, 'control')
  deployment.runId = ''
  // A migration of nothing but a name: the function fails, and its log line carries the name.
  for (const { bytes } of inJson) await deployment.invoke('listSource', { migration: { runId: bytes.toString() } })
  await deployment.state.put(Buffer.from('runs/planted'), line)
  for (const ending of ['report.html', 'report.json', 'certificate.json', 'failures.csv'])
    await deployment.state.put(Buffer.from(`runs/planted/${ending}`), line)
  for (const { bytes } of texts) await deployment.sendDeadLetter(bytes.toString())

  const places = await gather(deployment, cloud.functions.written().slice(before), history)
  const some = (...picked: string[]): Places => new Map([...places].filter(([name]) => picked.includes(name)))
  const where = 'deployed'
  expectPlanted(verdicts, where, some('state bucket', 'report.html', 'report.json', 'certificate.json', 'failures.csv'), planted)
  expectPlanted(verdicts, where, some('logs and metrics', 'execution history', 'dead letters'), planted, names(inJson))
}

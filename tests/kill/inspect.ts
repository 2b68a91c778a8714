import type { S3Client } from '@aws-sdk/client-s3'
import { digests, keysOf, openUploads, textOf } from './bucket'
import type { Model } from './corpus'
import { BUCKETS, DESTINATION, PREFIX, SOURCE, STATE } from './places'
import { shardFaults, type TextFile } from './shards'

export const KINDS = [
  'source changed',
  'wrong object',
  'missing object',
  'extra object',
  'open upload',
  'held lock',
  'shards',
  'report',
  'certificate',
  'key of a dead run',
  'finished part read again',
  'fitting upload not gone on with',
  'upload vanished',
  'run not verified',
] as const

export interface Violation {
  kind: (typeof KINDS)[number]
  detail: string
}

export interface Expectation {
  /** what the source holds, as it was put there */
  model: Model
  /** keys that the source once had */
  removed: ReadonlySet<string>
  /** the run that was let end */
  finalRun: string
}

const objectsOf = async (client: S3Client, { model, removed }: Expectation): Promise<Violation[]> => {
  const found: Violation[] = []
  const source = await digests(client, SOURCE)
  const destination = await digests(client, DESTINATION)
  for (const [key, { sha256 }] of model) {
    if (source.get(key) !== sha256) found.push({ kind: 'source changed', detail: key })
    const there = destination.get(PREFIX + key)
    if (there === undefined) found.push({ kind: 'missing object', detail: key })
    else if (there !== sha256) found.push({ kind: 'wrong object', detail: key })
  }
  for (const key of source.keys()) if (!model.has(key)) found.push({ kind: 'source changed', detail: key })
  for (const name of destination.keys()) {
    const key = name.slice(PREFIX.length)
    if (!name.startsWith(PREFIX) || (!model.has(key) && !removed.has(key))) found.push({ kind: 'extra object', detail: name })
  }
  return found
}

const uploadsOf = async (client: S3Client): Promise<Violation[]> => {
  const found: Violation[] = []
  for (const bucket of BUCKETS)
    for (const { key, uploadId } of await openUploads(client, bucket))
      found.push({ kind: 'open upload', detail: `${bucket}/${key} ${uploadId}` })
  return found
}

/** pairs/*.json: the run id that holds each pair, or null. */
export const holdersOf = async (client: S3Client): Promise<Map<string, string | null>> => {
  const holders = new Map<string, string | null>()
  for (const name of await keysOf(client, STATE, 'pairs/')) {
    const { holder } = JSON.parse(await textOf(client, STATE, name)) as { holder: { runId: string } | null }
    holders.set(name, holder?.runId ?? null)
  }
  return holders
}

const locksOf = async (client: S3Client): Promise<Violation[]> => {
  const held = [...(await holdersOf(client))].filter(([, runId]) => runId !== null)
  return held.map(([name, runId]) => ({ kind: 'held lock', detail: `${name} is held by ${runId}` }))
}

const shardsOf = async (client: S3Client, { finalRun }: Expectation): Promise<Violation[]> => {
  const runs = new Map<string, { batches: TextFile[]; large: TextFile[] }>()
  for (const name of await keysOf(client, STATE, 'runs/')) {
    const [, run, kind] = /^runs\/([^/]+)\/shards\/(batches|large)\//.exec(name) ?? []
    if (run === undefined) continue
    const files = runs.get(run) ?? { batches: [], large: [] }
    runs.set(run, files)
    files[kind as 'batches' | 'large'].push({ name, text: await textOf(client, STATE, name) })
  }
  if (!runs.has(finalRun)) return [{ kind: 'shards', detail: `the run ${finalRun} has none` }]
  return [...runs].flatMap(([run, { batches, large }]) =>
    shardFaults(batches, large, { whole: run === finalRun }).map((fault): Violation => ({ kind: 'shards', detail: `${run}: ${fault}` })),
  )
}

interface ReportFile {
  outcome: string
  ledger: { listed: number; copied: number; skipped: number; excluded: number; changed: number; failed: number; balanced: boolean }
}

const reportOf = async (client: S3Client, { model, finalRun }: Expectation): Promise<Violation[]> => {
  const { outcome, ledger } = JSON.parse(await textOf(client, STATE, `runs/${finalRun}/report.json`)) as ReportFile
  const { complete } = JSON.parse(await textOf(client, STATE, `runs/${finalRun}/closure.json`)) as { complete: boolean }
  const found: Violation[] = []
  const { listed, copied, skipped, excluded, changed, failed, balanced } = ledger
  if (outcome !== 'verified' || !balanced || listed !== copied + skipped + excluded + changed + failed || listed !== model.size)
    found.push({ kind: 'report', detail: `${outcome}, ${model.size} objects in the source: ${JSON.stringify(ledger)}` })
  if (!complete) found.push({ kind: 'certificate', detail: `the closure of ${finalRun} is not complete` })
  else if ((await keysOf(client, STATE, `runs/${finalRun}/certificate.`)).length !== 2)
    found.push({ kind: 'certificate', detail: `the certificate of ${finalRun}, or its signature, is not there` })
  return found
}

/** Everything that must hold once a run of the pair was let end, read with client-s3 and compared with what was put there. */
export const inspect = async (client: S3Client, expected: Expectation): Promise<Violation[]> => [
  ...(await objectsOf(client, expected)),
  ...(await uploadsOf(client)),
  ...(await locksOf(client)),
  ...(await shardsOf(client, expected)),
  ...(await reportOf(client, expected)),
]

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { InvalidRequest } from './errors'
import { DATA_CLASSIFICATIONS, isKeyed, RESTORE_TIERS, STORAGE_CLASSES, VERIFICATION_MODES, type Migration } from './migration'
import { OVERLAP, overlaps } from './overlap'
import { selectionOf, selectionProblems } from './selection'
import { MIN_PART_BYTES } from './parts'
import { PROVIDER_NAMES, type ProviderName } from './providers'
import { RUN_ID, stateKeys } from './state-keys'
import { transportOf } from './transport'

const MIB = 1024 * 1024
const GIB = 1024 * MIB

/** Longest life of a run's access, in hours: 30 days. */
const MAX_HOURS = 720

/** Amazon S3's rules for bucket names (user guide, "General purpose bucket naming rules"), as far as they are about form. */
const BUCKET = /^(?!xn--|sthree-)(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
/** Other stores also have capital letters, underscores and up to 255 characters. */
const FOREIGN_BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/

const prefix = z
  .string()
  .refine((text) => Buffer.byteLength(text) <= 1024, 'is longer than 1,024 bytes; a key could not hold it')
  .refine((text) => text.isWellFormed(), 'holds half of a surrogate pair; write it as UTF-8')
  .default('')

const regionName = z.string().regex(/^[a-z0-9-]{1,40}$/, 'is no region; write it as in eu-central-1')
const region = regionName.default('us-east-1')

const KMS_KEY = /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/

const isEndpoint = (text: string): boolean => {
  if (text === 'embedded') return true
  if (!/^https?:\/\/[^/]/.test(text) || !URL.canParse(text)) return false
  const { username, password, pathname, search, hash } = new URL(text)
  return username === '' && password === '' && pathname === '/' && search === '' && hash === ''
}

const endpoint = z
  .string()
  .refine(
    isEndpoint,
    'is no endpoint; write https://host, without path, user or query (or embedded, for the server of the one-machine runtime)',
  )
  .nullable()
  .default(null)

const profile = z.string().min(1, 'is empty; name a profile of ~/.aws/config or leave it out').nullable().default(null)

/** A glob, at most as long as the longest key. */
const globs = z
  .array(
    z
      .string()
      .min(1, 'is empty; leave it out')
      .refine((text) => Buffer.byteLength(text) <= 1024, 'is longer than 1,024 bytes; no key is'),
  )
  .max(100, 'holds more than 100 globs')
  .default([])

const moment = z
  .string()
  .regex(
    /^(\d{1,6}[smhdw]|\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?)$/,
    'is no time; write a date (2026-11-26), a time with its zone (2026-11-26T08:00:00Z), or an age (30d; s, m, h, d or w)',
  )
  .nullable()
  .default(null)

const NO_BYTES = 'is no number of bytes; write a whole number, as in 1048576'
const bytes = z.int(NO_BYTES).min(0, NO_BYTES).nullable().default(null)

const runName = z.string().regex(RUN_ID, 'is no run id: 1 to 80 letters, digits, hyphens or underscores').nullable().default(null)

const storageClass = z.enum(STORAGE_CLASSES)

const count = (fallback: number, max: number) => z.int().min(1).max(max).default(fallback)

const request = z.strictObject({
  source: z.strictObject({
    bucket: z.string().regex(FOREIGN_BUCKET, 'is no bucket name: 3 to 255 letters, digits, dots, hyphens or underscores'),
    prefix,
    region,
    endpoint,
    profile,
    provider: z.enum(PROVIDER_NAMES as [ProviderName, ...ProviderName[]]).optional(),
    credential: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, 'is no credential name: 1 to 64 letters, digits, hyphens or underscores')
      .nullable()
      .default(null),
  }),
  destination: z.strictObject({
    bucket: z.string().regex(BUCKET, 'is no Amazon S3 bucket name: 3 to 63 small letters, digits, dots or hyphens'),
    prefix,
    region,
    endpoint,
    profile,
    account: z
      .string()
      .regex(/^\d{12}$/, 'is no AWS account; write its 12 digits')
      .nullable()
      .default(null),
    kmsKey: z
      .string()
      .regex(KMS_KEY, 'is no ARN of a KMS key; write it as in arn:aws:kms:eu-central-1:123456789012:key/…, no alias')
      .nullable()
      .default(null),
    replaces: prefix,
  }),
  selection: z
    .strictObject({
      include: globs,
      exclude: globs,
      minBytes: bytes,
      maxBytes: bytes,
      modifiedSince: moment,
      modifiedBefore: moment,
      keys: z
        .string()
        .regex(
          /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}\.(txt|jsonl)$/,
          'is no key list; name a file below inputs/ in the state bucket that ends in .txt or .jsonl',
        )
        .nullable()
        .default(null),
      failuresOf: runName,
    })
    .prefault({}),
  carry: z
    .strictObject({
      storageClass: z
        .union([z.literal('keep'), storageClass, z.record(z.string().regex(/^([A-Z0-9_]{1,64}|\*)$/), storageClass)], {
          error: `is neither keep, nor a storage class, nor a map from one to another; the classes are ${STORAGE_CLASSES.join(', ')}`,
        })
        .default('STANDARD'),
      tags: z.boolean().default(false),
      retention: z.boolean().default(false),
      versions: z.enum(['current', 'all']).default('current'),
    })
    .prefault({}),
  cutover: z.boolean().default(false),
  restore: z
    .strictObject({
      archived: z.boolean().default(false),
      tier: z.enum(RESTORE_TIERS).default('Bulk'),
      days: count(7, 365),
    })
    .prefault({}),
  dataClassification: z.enum(DATA_CLASSIFICATIONS).default('internal'),
  residency: z.strictObject({ regions: z.array(regionName).max(50, 'holds more than 50 regions').default([]) }).prefault({}),
  dryRun: z.boolean().default(false),
  verification: z
    .strictObject({
      mode: z.enum(VERIFICATION_MODES).default('listing'),
      sample: z.number().positive().max(1, 'is over 1: write the share as in 0.05').default(1),
    })
    .prefault({}),
  credentials: z
    .strictObject({ after: z.enum(['verified', 'always', 'expiry']).default('verified'), revokeAtSource: z.boolean().default(false) })
    .prefault({}),
  access: z
    .strictObject({ hours: z.number().positive().max(MAX_HOURS, `is over the cap of ${MAX_HOURS} hours (30 days)`).default(24) })
    .prefault({}),
  limits: z
    .strictObject({
      batches: count(50, 10_000),
      largeObjects: count(10, 10_000),
      toleratedFailures: z.int().min(0).max(100).default(100),
      batchObjects: count(1000, 1000),
      batchBytes: count(8 * GIB, 64 * GIB),
      largeObjectBytes: z
        .int()
        .min(MIN_PART_BYTES)
        .max(5 * GIB)
        .default(256 * MIB),
      costUsd: z.number().positive().nullable().default(null),
    })
    .prefault({}),
})

/** A request as people write it: every field but the two buckets has a default. */
export type MigrationRequest = z.input<typeof request>

/** What a request says that names nothing but two buckets. */
export const requestDefaults = (): z.output<typeof request> =>
  request.parse({ source: { bucket: 'source' }, destination: { bucket: 'destination' } })

const leaves = (schema: unknown, path: string): string[] => {
  let inner = schema
  while (inner instanceof z.ZodPrefault || inner instanceof z.ZodDefault) inner = inner.unwrap()
  if (!(inner instanceof z.ZodObject)) return [path]
  return Object.entries(inner.shape as Record<string, unknown>).flatMap(([name, field]) =>
    leaves(field, path === '' ? name : `${path}.${name}`),
  )
}

/** Every field that a request may have, by its dotted name: what the request reference of the README must list. */
export const requestFields = (): string[] => leaves(request, '')

export interface RequestContext {
  /** only the one-machine runtime takes endpoints and profiles; on AWS the credential's secret holds them */
  runtime: 'aws' | 'local'
  runId: string
  executionId: string
  now: Date
  /** undefined: one machine */
  stage?: DeployedStage | undefined
}

/** What of a deployed stage bears on a request. */
export interface DeployedStage {
  /** the stack's account, which owns the destination unless the request names another */
  account: string
  /** regions in which destinations may stand; [] for any */
  allowedRegions: readonly string[]
  /** whether runs over all versions may put delete markers */
  deleteMarkers: boolean
}

const fieldOf = (path: readonly PropertyKey[]): string => (path.length === 0 ? 'request' : path.map(String).join('.'))

const known = (path: readonly PropertyKey[]): string => {
  let schema: unknown = request
  for (const step of path) {
    const shape: Record<string, unknown> = schema instanceof z.ZodObject ? schema.shape : {}
    schema = Object.hasOwn(shape, step) ? shape[String(step)] : undefined
    while (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault) schema = schema.unwrap()
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape as object).join(', ') : ''
}

/** What a field of a wrong type should have been; `int` is how zod names a whole number. */
const WANTED: Readonly<Record<string, string>> = {
  string: 'is no text; write it in double quotes',
  number: 'is no number; write one, without quotes',
  int: 'is no whole number; write one, without quotes',
  boolean: 'is neither true nor false; write one of them, without quotes',
  array: 'is no list; write it in square brackets',
  object: 'is no object; write it in braces',
}

/** Zod's own sentences say what is wrong and not what to do: ours stand in their place, where a field has none. */
const problemOf = (issue: z.core.$ZodIssue): string => {
  if (!/^(Invalid|Too) /.test(issue.message)) return issue.message
  switch (issue.code) {
    case 'invalid_type':
      return /received undefined/.test(issue.message) ? 'is missing; add it' : (WANTED[issue.expected] ?? issue.message)
    case 'invalid_value':
      return `is unknown here; name one of ${issue.values.map(String).join(', ')}`
    case 'too_big':
      return `is over ${issue.maximum}, the most that it may be; lower it`
    case 'too_small':
      return `is too small; write ${issue.inclusive === true ? `${issue.minimum} or more` : `more than ${issue.minimum}`}`
    default:
      return issue.message
  }
}

const problemsOf = (error: z.ZodError): string[] =>
  error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${fieldOf([...issue.path, key])}: unknown field; known here are ${known(issue.path)}`)
    }
    return [`${fieldOf(issue.path)}: ${problemOf(issue)}`]
  })

/** What is wrong with the destination's region and its key's, by the request's own list and by the deployed stage's. */
const residencyProblems = ({ destination, residency, dataClassification }: z.output<typeof request>, { stage }: RequestContext) => {
  const problems: string[] = []
  const allowedRegions = stage?.allowedRegions ?? []
  const outside = residency.regions.filter((name) => allowedRegions.length > 0 && !allowedRegions.includes(name))
  if (outside.length > 0)
    problems.push(`residency.regions: ${outside.join(', ')} not allowed by this stage; it allows ${allowedRegions.join(', ')}`)
  const regions = residency.regions.length > 0 ? residency.regions : allowedRegions
  if (regions.length > 0 && !regions.includes(destination.region))
    problems.push(`destination.region: ${destination.region} is outside the allowed regions (${regions.join(', ')})`)
  if (dataClassification === 'restricted' && regions.length === 0)
    problems.push('residency.regions: restricted data needs the regions in which it may stand; name them')
  if (destination.kmsKey !== null && destination.kmsKey.split(':')[3] !== destination.region)
    problems.push(`destination.kmsKey: is a key of another region than the destination's (${destination.region})`)
  return problems
}

/** Sides whose objects would cross a network in the clear. */
const transportProblems = ({ source, destination, dataClassification }: z.output<typeof request>): string[] =>
  dataClassification === 'public'
    ? []
    : Object.entries({ source, destination }).flatMap(([side, { endpoint }]) =>
        transportOf(endpoint) === 'plaintext'
          ? [
              `${side}.endpoint: ${dataClassification} data may not cross a network without TLS; write it with https://, or, if anybody may read the objects, set dataClassification to public`,
            ]
          : [],
      )

/** Fields that contradict each other: nothing that a run could do would be what both say. */
const contradictions = (asked: z.output<typeof request>): string[] => {
  const { source, destination, selection, carry, cutover, dryRun, verification } = asked
  const problems: string[] = []
  if (!source.prefix.startsWith(destination.replaces))
    problems.push(
      `destination.replaces: not every key begins with ${JSON.stringify(destination.replaces)}; make source.prefix begin with it, or leave it out`,
    )
  if (verification.sample < 1 && verification.mode !== 'reread')
    problems.push(`verification.sample: mode ${verification.mode} looks at every object; leave it out, or ask for the mode reread`)
  const unreadable = typeof carry.storageClass === 'string' ? [carry.storageClass] : Object.values(carry.storageClass)
  if (verification.mode === 'reread' && unreadable.some((name) => name === 'GLACIER' || name === 'DEEP_ARCHIVE'))
    problems.push(
      'verification.mode: what is written to GLACIER or DEEP_ARCHIVE cannot be read again; ask for the mode checksum, or write another carry.storageClass',
    )
  if (cutover && dryRun) problems.push('cutover: a dry run copies and verifies nothing; leave one of the two out')
  if (cutover && isKeyed(asked))
    problems.push('cutover: a list of keys says nothing of the others; leave out selection.keys and selection.failuresOf')
  if (carry.versions === 'all') {
    const limits = (['minBytes', 'maxBytes', 'modifiedSince', 'modifiedBefore'] as const).filter((name) => selection[name] !== null)
    for (const name of limits)
      problems.push(`selection.${name}: with carry.versions all, a key's versions are migrated together; leave one of the two out`)
  }
  return problems
}

const runtimeProblems = (
  { source, destination, credentials, carry }: z.output<typeof request>,
  { runtime, stage }: RequestContext,
): string[] => {
  const problems: string[] = []
  if (runtime === 'local') {
    if (credentials.revokeAtSource)
      problems.push('credentials.revokeAtSource: on one machine the keys are your own, and no run ends them; leave it out')
    if (source.credential !== null)
      problems.push('source.credential: names a secret on AWS; on one machine name a profile (source.profile) or set the environment')
    return problems
  }
  for (const [side, place] of [
    ['source', source],
    ['destination', destination],
  ] as const) {
    if (place.endpoint !== null)
      problems.push(
        `${side}.endpoint: only the one-machine runtime takes an endpoint; on AWS the secret named by source.credential holds it`,
      )
    if (place.profile !== null)
      problems.push(`${side}.profile: only the one-machine runtime takes a profile; on AWS name a secret in source.credential`)
  }
  if (carry.versions === 'all' && stage?.deleteMarkers !== true)
    problems.push(
      'carry.versions: a delete marker needs a right that this stage gives to no run; deploy it with the parameter deleteMarkers=true, or leave the field out',
    )
  if (source.credential === null)
    problems.push('source.credential: is missing; name the secret that holds the endpoint and keys of the source')
  return problems
}

const pairOf = ({ source, destination }: z.output<typeof request>): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        [source.endpoint, source.credential, source.bucket, source.prefix],
        [destination.endpoint, destination.bucket, destination.prefix, ...(destination.replaces === '' ? [] : [destination.replaces])],
      ]),
    )
    .digest('hex')
    .slice(0, 32)

const defaultProvider = (endpoint: string | null, credential: string | null): ProviderName => {
  if (endpoint === 'embedded') return 'embedded'
  return endpoint === null && credential === null ? 'aws' : 'other'
}

/**
 * Parses a request once: unknown fields refused, every default set. Creates nothing.
 * Throws InvalidRequest with one line per problem, which names the field and what to do.
 */
export const parseRequest = (input: unknown, context: RequestContext): Migration => {
  const { runId, executionId, now } = context
  const local = context.runtime === 'local'
  // It is the external id of the run's roles, of which STS takes no shorter one (AssumeRole, ExternalId: 2 to 1,224 characters).
  const least = local ? 1 : 2
  if (!RUN_ID.test(runId) || runId.length < least)
    throw new InvalidRequest([
      `${local ? '--name' : 'execution name'}: ${JSON.stringify(runId)} is no run id; use ${least} to 80 letters, digits, hyphens or underscores`,
    ])
  const parsed = request.safeParse(input, { reportInput: true })
  if (!parsed.success) throw new InvalidRequest(problemsOf(parsed.error))
  const { source, destination, access, residency, selection, ...rest } = parsed.data
  const problems = [
    ...runtimeProblems(parsed.data, context),
    ...residencyProblems(parsed.data, context),
    ...transportProblems(parsed.data),
    ...contradictions(parsed.data),
    ...selectionProblems(selection, source.prefix, now),
  ]
  // What a credential reaches its secret says: checked where that is read.
  if (source.credential === null && overlaps(parsed.data)) problems.push(`destination.bucket: ${OVERLAP}`)
  if (problems.length > 0) throw new InvalidRequest(problems)
  const keys = stateKeys(runId)
  return {
    runId,
    executionId,
    startedAt: now.toISOString(),
    pair: pairOf(parsed.data),
    source: { ...source, provider: source.provider ?? defaultProvider(source.endpoint, source.credential) },
    destination: { ...destination, account: destination.account ?? context.stage?.account ?? null },
    selection: selectionOf(selection, now),
    residency: { regions: residency.regions.length > 0 ? residency.regions : [...(context.stage?.allowedRegions ?? [])] },
    ...rest,
    access: { expiresAt: new Date(now.getTime() + access.hours * 3_600_000).toISOString() },
    shards: { batches: keys.batches, large: keys.large },
  }
}

/** The destination's provider profile: Amazon S3, the embedded server, or a store that takes its dialect with the bucket in the path. */
export const destinationProvider = ({ destination }: Migration): ProviderName => {
  if (destination.endpoint === null) return 'aws'
  return destination.endpoint === 'embedded' ? 'embedded' : 'minio'
}

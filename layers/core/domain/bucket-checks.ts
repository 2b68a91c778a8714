import type { Answer, BucketSettings } from './bucket-settings'
import { DATA_CLASSIFICATIONS, type DataClassification, type Migration } from './migration'
import { oldTlsRefused, plaintextRefused, tlsOnlyStatement, type Refused } from './tls-policy'
import { transportOf } from './transport'

/** What a check that does not pass means: `block` refuses the run, `warn` is told, `info` stands in the report. */
export type Level = 'block' | 'warn' | 'info'

/** `unknown`: it was asked and not answered. `manual`: nobody can ask it from here, so a person has to look. */
export type Result = 'pass' | 'fail' | 'unknown' | 'manual'

export interface Check {
  id: CheckId
  title: string
  /** field of the request that it is about */
  field: string
  level: Level
  result: Result
  /** what was observed */
  evidence: string
  /** what to do; null: nothing */
  remedy: string | null
}

interface Finding {
  result: Result
  evidence: string
  /** without it: what the check's definition says */
  remedy?: string
}

interface Context {
  migration: Migration
  settings: BucketSettings
}

/** Where the destination is: what Amazon S3 has, another store may not know, and the embedded server has none of it. */
type Kind = 'amazon' | 'foreign' | 'embedded'

const kindOf = ({ destination }: Migration): Kind =>
  destination.endpoint === null ? 'amazon' : destination.endpoint === 'embedded' ? 'embedded' : 'foreign'

interface Definition {
  title: string
  field: string
  /** for public, internal, confidential and restricted data */
  levels: readonly [Level, Level, Level, Level]
  /** the right that the question needs */
  right: string
  remedy: (migration: Migration) => string
  judge: (context: Context) => Finding
  /** Amazon S3 alone has it: at another store it is not asked */
  amazonOnly?: true
  /** the level that this request gives it, whatever the objects are; undefined: as for every other */
  demanded?: (migration: Migration, result: Result) => Level | undefined
}

/** Refuses the run; at another store only what it says itself, for what it does not say the objects' own writes will tell. */
const refusing = (migration: Migration, result: Result): Level | undefined =>
  kindOf(migration) === 'amazon' || result === 'fail' ? 'block' : undefined

const pass = (evidence: string): Finding => ({ result: 'pass', evidence })
const fail = (evidence: string, remedy?: string): Finding =>
  remedy === undefined ? { result: 'fail', evidence } : { result: 'fail', evidence, remedy }

/** Judges an answer; no answer is unknown, with the store's words. */
const known = <T>(answer: Answer<T>, judge: (value: T) => Finding): Finding =>
  'unknown' in answer ? { result: 'unknown', evidence: answer.unknown } : judge(answer.value)

const command = (call: string, { destination }: Migration, more = ''): string =>
  `aws s3api ${call} --bucket ${destination.bucket}${more === '' ? '' : ` ${more}`}`

const partition = (region: string): string => (region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws')

const KMS = ['aws:kms', 'aws:kms:dsse']

/** The AWS managed key of Amazon S3: no key, or its alias. */
const isManagedKey = (key: string | null): boolean => key === null || /(^|:)alias\/aws\/s3$/.test(key)

/** A bucket may name its key by ARN or, for a key of its own account, by id alone. */
const isKey = (named: string, found: string | null): boolean => found === named || found === named.slice(named.indexOf('/') + 1)

const described = (encryption: { algorithm: string; key: string | null } | null): string =>
  encryption === null ? 'no default encryption' : `${encryption.algorithm}${encryption.key === null ? '' : ` with ${encryption.key}`}`

const encrypted = ({ migration, settings }: Context): Finding =>
  known(settings.encryption, (found) => {
    const { dataClassification, destination } = migration
    const evidence = described(found)
    if (found === null) return fail(evidence)
    if (dataClassification === 'public' || dataClassification === 'internal') return pass(evidence)
    if (!KMS.includes(found.algorithm)) return fail(evidence)
    if (dataClassification === 'confidential') return pass(evidence)
    if (isManagedKey(found.key)) return fail(`${evidence}: the AWS managed key`)
    const key = destination.kmsKey !== null && isKey(destination.kmsKey, found.key) ? destination.kmsKey : found.key
    const account = key?.split(':')[4] ?? ''
    if (account === '') return fail(`${evidence}: the key is not named by its ARN, so its account cannot be seen`)
    return account === destination.account ? pass(evidence) : fail(`${evidence}: a key of the account ${account}`)
  })

const keyNamed = ({ migration, settings }: Context): Finding =>
  known(settings.encryption, (found) => {
    const { kmsKey } = migration.destination
    const evidence = `the bucket: ${described(found)}; destination.kmsKey: ${kmsKey ?? 'none'}`
    const customer = found !== null && KMS.includes(found.algorithm) && !isManagedKey(found.key) ? found.key : null
    if (kmsKey === null)
      return customer === null
        ? pass(evidence)
        : fail(evidence, `name it in destination.kmsKey (by its ARN): without it the run's role gets no right to the key`)
    return customer !== null && isKey(kmsKey, customer)
      ? pass(evidence)
      : fail(`${evidence}, which every write names`, "nothing, if what others write may lie under the bucket's own")
  })

const refusedWords = ({ bucket, objects }: Refused, what: string): string =>
  bucket && objects
    ? `the bucket policy refuses ${what} to everybody, for the bucket and its objects`
    : bucket || objects
      ? `the bucket policy refuses ${what} for ${bucket ? 'the bucket' : 'the objects'} only`
      : `no statement of the bucket policy refuses ${what} to everybody and for every action`

/** Amazon S3 shows a bucket's policy to its own account alone, and answers others 405 (API reference, GetBucketPolicy). Elsewhere 405 says nothing. */
const isHidden = ({ migration, settings: { policy } }: Context): boolean =>
  kindOf(migration) === 'amazon' && 'unknown' in policy && policy.code === 'MethodNotAllowed'

const byPolicy =
  (judge: (policy: string | null, bucket: string) => Refused, what: string) =>
  (context: Context): Finding => {
    const { migration, settings } = context
    if (isHidden(context) && migration.dataClassification !== 'restricted')
      return {
        result: 'manual',
        evidence: 'Amazon S3 shows a bucket policy to the account of the bucket alone',
        remedy: `with credentials of that account look at ${command('get-bucket-policy', migration)}`,
      }
    return known(settings.policy, (policy) => {
      const refused = judge(policy, migration.destination.bucket)
      const evidence = policy === null ? 'the bucket has no policy' : refusedWords(refused, what)
      return refused.bucket && refused.objects ? pass(evidence) : fail(evidence)
    })
  }

const statement = (object: object): string => JSON.stringify(object)

const DEFINITIONS = {
  owner: {
    title: 'The bucket belongs to the account',
    field: 'destination.account',
    levels: ['block', 'block', 'block', 'block'],
    right: 's3:GetBucketLocation',
    remedy: ({ destination: { account } }) =>
      account === null
        ? 'name the account that owns the bucket in destination.account'
        : 'correct destination.bucket or destination.account, and let the credentials that list the destination ask for its settings',
    amazonOnly: true,
    judge: ({ migration: { destination }, settings }) => {
      if (destination.account === null) return { result: 'unknown', evidence: 'no account is named' }
      // a refusal names the region too
      const { region: _, ...rest } = settings
      const answers: Answer<unknown>[] = Object.values(rest)
      if (answers.some((answer) => 'value' in answer)) return pass(`calls that expect the account ${destination.account} are answered`)
      const first = answers.find((answer) => 'unknown' in answer)
      return fail(`every call that expects the account ${destination.account} is refused: ${first?.unknown ?? ''}`)
    },
  },
  region: {
    title: 'The bucket is in the region',
    field: 'destination.region',
    levels: ['block', 'block', 'block', 'block'],
    right: 's3:GetBucketLocation',
    remedy: ({ destination, residency }) =>
      residency.regions.length > 0
        ? `name the bucket's own region, and a bucket in one of ${residency.regions.join(', ')}`
        : `name the bucket's own region in place of ${destination.region}`,
    amazonOnly: true,
    judge: ({ migration: { destination, residency }, settings }) =>
      known(settings.region, (region) => {
        if (region !== destination.region) return fail(`the bucket is in ${region}, destination.region is ${destination.region}`)
        if (residency.regions.length === 0) return pass(region)
        return residency.regions.includes(region)
          ? pass(`${region}, one of ${residency.regions.join(', ')}`)
          : fail(`${region} is none of ${residency.regions.join(', ')}`)
      }),
  },
  'public-access-block': {
    title: 'Block Public Access, all four switches',
    field: 'destination.bucket',
    levels: ['block', 'block', 'block', 'block'],
    right: 's3:GetBucketPublicAccessBlock',
    remedy: (migration) =>
      command(
        'put-public-access-block',
        migration,
        '--public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true',
      ),
    judge: ({ settings }) =>
      known(settings.publicAccessBlock, (switches) => {
        const off = Object.entries(switches).flatMap(([name, on]) => (on ? [] : [name]))
        return off.length === 0 ? pass('4 of 4 are on') : fail(`off: ${off.join(', ')}`)
      }),
  },
  'public-policy': {
    title: 'The bucket policy is not public',
    field: 'destination.bucket',
    levels: ['block', 'block', 'block', 'block'],
    right: 's3:GetBucketPolicyStatus',
    remedy: (migration) => `take the statements that allow everybody out of its policy: ${command('get-bucket-policy', migration)}`,
    judge: ({ settings }) =>
      known(settings.publicPolicy, (isPublic) => (isPublic ? fail('Amazon S3 calls the policy public') : pass('IsPublic is false'))),
  },
  encryption: {
    title: 'Default encryption',
    field: 'destination.bucket',
    levels: ['block', 'block', 'block', 'block'],
    right: 's3:GetEncryptionConfiguration',
    remedy: (migration) => {
      const { dataClassification, destination } = migration
      const rule = (byDefault: string) =>
        command(
          'put-bucket-encryption',
          migration,
          `--server-side-encryption-configuration '{"Rules":[{"ApplyServerSideEncryptionByDefault":${byDefault},"BucketKeyEnabled":true}]}'`,
        )
      if (dataClassification === 'restricted')
        return `a customer managed key of the account ${destination.account ?? 'that owns the bucket'}, by its ARN: ${rule('{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"KEY_ARN"}')}`
      return rule(dataClassification === 'confidential' ? '{"SSEAlgorithm":"aws:kms"}' : '{"SSEAlgorithm":"AES256"}')
    },
    judge: encrypted,
  },
  'encryption-key': {
    title: "The bucket's key is the one that the request names",
    field: 'destination.kmsKey',
    levels: ['block', 'block', 'block', 'block'],
    right: 's3:GetEncryptionConfiguration',
    remedy: () => 'name the key of the bucket in destination.kmsKey, by its ARN',
    amazonOnly: true,
    // a key that is named is named with every write: then the bucket's own does not matter to the run
    demanded: ({ destination: { kmsKey } }, result) => (kmsKey !== null && result === 'fail' ? 'info' : undefined),
    judge: keyNamed,
  },
  'tls-only': {
    title: 'The bucket refuses requests without TLS',
    field: 'destination.bucket',
    levels: ['warn', 'block', 'block', 'block'],
    right: 's3:GetBucketPolicy',
    remedy: (migration) =>
      `add this statement to its policy (${command('put-bucket-policy', migration, '--policy file://policy.json')}): ${statement(tlsOnlyStatement(migration.destination.bucket, partition(migration.destination.region)))}`,
    judge: byPolicy(plaintextRefused, 'requests without TLS'),
  },
  'tls-version': {
    title: 'The bucket refuses TLS below 1.2',
    field: 'destination.bucket',
    levels: ['info', 'info', 'warn', 'warn'],
    right: 's3:GetBucketPolicy',
    remedy: () =>
      'add a statement like the one that refuses requests without TLS, with the condition {"NumericLessThan":{"s3:TlsVersion":"1.2"}}',
    judge: byPolicy(oldTlsRefused, 'TLS below 1.2'),
  },
  versioning: {
    title: 'Versioning',
    field: 'destination.bucket',
    levels: ['warn', 'warn', 'block', 'block'],
    right: 's3:GetBucketVersioning',
    remedy: (migration) => command('put-bucket-versioning', migration, '--versioning-configuration Status=Enabled'),
    demanded: (migration, result) => (migration.carry.versions === 'all' ? refusing(migration, result) : undefined),
    judge: ({ settings }) => known(settings.versioning, (status) => (status === 'Enabled' ? pass(status) : fail(status))),
  },
  'object-lock': {
    title: 'Object Lock, for retention that is carried',
    field: 'carry.retention',
    levels: ['info', 'info', 'info', 'info'],
    right: 's3:GetBucketObjectLockConfiguration',
    remedy: (migration) =>
      `leave carry.retention out, or turn it on: ${command('put-object-lock-configuration', migration, `--object-lock-configuration '{"ObjectLockEnabled":"Enabled"}'`)}`,
    demanded: (migration, result) => (migration.carry.retention ? refusing(migration, result) : undefined),
    judge: ({ migration, settings }) =>
      migration.carry.retention
        ? known(settings.objectLock, (lock) => (lock === 'none' ? fail('off') : pass('on')))
        : pass('not needed: carry.retention is false'),
  },
  'access-log': {
    title: 'Server access logging',
    field: 'destination.bucket',
    levels: ['warn', 'warn', 'block', 'block'],
    right: 's3:GetBucketLogging',
    remedy: (migration) =>
      command(
        'put-bucket-logging',
        migration,
        `--bucket-logging-status '{"LoggingEnabled":{"TargetBucket":"LOG_BUCKET","TargetPrefix":"${migration.destination.bucket}/"}}'`,
      ),
    judge: ({ settings }) => known(settings.accessLog, (target) => (target === null ? fail('off') : pass(`to ${target}`))),
  },
  'mfa-delete': {
    title: 'MFA Delete, or Object Lock with a default retention',
    field: 'destination.bucket',
    levels: ['info', 'info', 'info', 'block'],
    right: 's3:GetBucketVersioning and s3:GetBucketObjectLockConfiguration',
    remedy: (migration) =>
      `as the account's root user: ${command('put-bucket-versioning', migration, "--versioning-configuration Status=Enabled,MFADelete=Enabled --mfa 'SERIAL CODE'")}; or give the bucket a default retention: ${command('put-object-lock-configuration', migration, `--object-lock-configuration '{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"GOVERNANCE","Days":30}}}'`)}`,
    judge: ({ settings: { mfaDelete, objectLock } }) => {
      if ('value' in mfaDelete && mfaDelete.value) return pass('MFA Delete is on')
      if ('value' in objectLock && objectLock.value === 'retention') return pass('Object Lock with a default retention')
      return known(mfaDelete, () => known(objectLock, (lock) => fail(`MFA Delete is off, Object Lock: ${lock}`)))
    },
  },
  ownership: {
    title: 'ACLs are off',
    field: 'destination.bucket',
    levels: ['warn', 'warn', 'warn', 'warn'],
    right: 's3:GetBucketOwnershipControls',
    remedy: (migration) =>
      command('put-bucket-ownership-controls', migration, '--ownership-controls Rules=[{ObjectOwnership=BucketOwnerEnforced}]'),
    judge: ({ settings }) => known(settings.ownership, (found) => (found === 'BucketOwnerEnforced' ? pass(found) : fail(found))),
  },
  replication: {
    title: 'Nothing is replicated elsewhere',
    field: 'destination.bucket',
    levels: ['warn', 'warn', 'warn', 'warn'],
    right: 's3:GetReplicationConfiguration',
    remedy: (migration) => `make sure that the copies may stand there: ${command('get-bucket-replication', migration)}`,
    judge: ({ settings }) =>
      known(settings.replication, (to) => (to.length === 0 ? pass('no rule') : fail(`every new object is copied to ${to.join(', ')}`))),
  },
  notifications: {
    title: 'Nobody is notified of new objects',
    field: 'destination.bucket',
    levels: ['warn', 'warn', 'warn', 'warn'],
    right: 's3:GetBucketNotification',
    remedy: (migration) =>
      `make sure that they can take one event per object: ${command('get-bucket-notification-configuration', migration)}`,
    judge: ({ settings }) =>
      known(settings.notifications, (who) => (who.length === 0 ? pass('none') : fail(`new objects are told to ${who.join(', ')}`))),
  },
} satisfies Record<string, Definition>

const TRANSPORT = {
  'source-transport': {
    title: 'The source is read over TLS',
    field: 'source.endpoint',
    levels: ['block', 'block', 'block', 'block'],
  },
  'destination-transport': {
    title: 'The destination is written over TLS',
    field: 'destination.endpoint',
    levels: ['block', 'block', 'block', 'block'],
  },
  'private-connectivity': {
    title: 'The functions that read the source stand in a VPC',
    field: 'dataClassification',
    levels: ['info', 'info', 'warn', 'block'],
  },
} satisfies Record<string, Pick<Definition, 'title' | 'field' | 'levels'>>

export type SettingsCheckId = keyof typeof DEFINITIONS
export type CheckId = SettingsCheckId | keyof typeof TRANSPORT

const levelFor = (levels: readonly Level[], classification: DataClassification): Level =>
  levels[DATA_CLASSIFICATIONS.indexOf(classification)]!

/**
 * At a store that is not Amazon S3 what would block public and internal data is a warning: such stores lack most of these settings.
 * Confidential and restricted data goes only where its protection can be seen.
 */
const levelAt = (kind: Kind, { levels }: Pick<Definition, 'levels'>, classification: DataClassification): Level => {
  const level = levelFor(levels, classification)
  const lenient = classification === 'public' || classification === 'internal'
  return kind === 'foreign' && level === 'block' && lenient ? 'warn' : level
}

const EMBEDDED = 'the embedded server of this machine has no such setting'
const EMBEDDED_REMEDY = 'look after the folder of its data as you do after the objects: who may read it, and whether the disk is encrypted'

const definitions = Object.entries<Definition>(DEFINITIONS) as [SettingsCheckId, Definition][]

/** Every check of the destination's settings as something that was not asked, with the reason. */
const unasked = (migration: Migration, finding: Finding & { remedy: string }): Check[] =>
  definitions.map(([id, definition]) => ({
    id,
    title: definition.title,
    field: definition.field,
    level: levelAt(kindOf(migration), definition, migration.dataClassification),
    ...finding,
  }))

/** For a destination that could not be reached: its trouble is told once, and no check has passed. */
export const destinationUnasked = (migration: Migration): Check[] =>
  unasked(migration, {
    result: 'unknown',
    evidence: 'not asked: the destination could not be listed',
    remedy: 'mend what is said of the destination, and run again',
  })

/** Whether the destination has settings to ask for. */
export const hasSettings = (migration: Migration): boolean => kindOf(migration) !== 'embedded'

/** The checks of the destination's settings; null: it has none, see `hasSettings`. */
export const destinationChecks = (migration: Migration, settings: BucketSettings | null): Check[] => {
  const kind = kindOf(migration)
  if (settings === null) return unasked(migration, { result: 'manual', evidence: EMBEDDED, remedy: EMBEDDED_REMEDY })
  return definitions.map(([id, definition]) => {
    const { title, field } = definition
    const usual = levelAt(kind, definition, migration.dataClassification)
    if (definition.amazonOnly && kind !== 'amazon')
      return {
        ...{ id, title, field, level: usual, result: 'manual', evidence: 'only Amazon S3 has it' },
        remedy: `look at it at ${migration.destination.endpoint}`,
      }
    const { result, evidence, remedy } = definition.judge({ migration, settings })
    const level = definition.demanded?.(migration, result) ?? usual
    const unanswered =
      kind === 'amazon'
        ? `let the credentials that list the destination ask for it: ${definition.right}`
        : `the store does not say: look at it at ${migration.destination.endpoint}, or choose a store that answers`
    const otherwise = result === 'unknown' && id !== 'owner' ? unanswered : definition.remedy(migration)
    return { id, title, field, level, result, evidence, remedy: result === 'pass' ? null : (remedy ?? otherwise) }
  })
}

export interface Connections {
  /** the source's endpoint; null: Amazon S3 */
  sourceEndpoint: string | null
  /** whether the functions that touch the source stand in a VPC; undefined: one machine */
  vpc: boolean | undefined
}

const overTls = (endpoint: string | null, isPublic: boolean, vpc: boolean | undefined): Finding => {
  const found = transportOf(endpoint)
  if (found === 'tls') return pass(`TLS 1.2 or later, to ${endpoint === null ? 'Amazon S3' : 'an endpoint with https://'}`)
  if (found === 'this machine' && vpc === undefined) return pass('it does not leave this machine')
  if (isPublic) return pass('in the clear: public data may be read by anybody')
  return fail(
    'http:// without TLS',
    'name an endpoint with https://, or, if anybody may read the objects, set dataClassification to public',
  )
}

const overPrivate = (vpc: boolean | undefined): Finding => {
  if (vpc === true) return pass('the stage was deployed with vpcId')
  if (vpc === undefined)
    return {
      result: 'manual',
      evidence: "one machine: its network is not Drayage's to see",
      remedy: 'make sure that this machine reaches both sides by a VPN or another private connection',
    }
  return fail(
    'the stage was deployed without vpcId',
    'deploy with the parameters vpcId, vpcSubnetIds and vpcRouteTableIds, and connect that VPC to the source',
  )
}

/** The checks of how the objects travel. They are of the request and the stage, not of the bucket. */
export const transportChecks = ({ dataClassification, destination }: Migration, { sourceEndpoint, vpc }: Connections): Check[] => {
  const isPublic = dataClassification === 'public'
  const findings: Record<keyof typeof TRANSPORT, Finding> = {
    'source-transport': overTls(sourceEndpoint, isPublic, vpc),
    'destination-transport': overTls(destination.endpoint, isPublic, vpc),
    'private-connectivity': overPrivate(vpc),
  }
  return (Object.keys(TRANSPORT) as (keyof typeof TRANSPORT)[]).map((id) => {
    const { title, field, levels } = TRANSPORT[id]
    const { result, evidence, remedy } = findings[id]
    return { id, title, field, level: levelFor(levels, dataClassification), result, evidence, remedy: remedy ?? null }
  })
}

const isOpen = ({ result }: Check): boolean => result === 'fail' || result === 'unknown'

/** What a check that is open says, on one line: the field, what was seen, what to do. */
export const checkLine = ({ field, title, evidence, remedy }: Check): string =>
  `${field}: ${title}: ${evidence}${remedy === null ? '' : `; ${remedy}`}`

/** The checks that refuse the run. */
export const blocking = (checks: readonly Check[]): Check[] => checks.filter((check) => check.level === 'block' && isOpen(check))

/** The checks that are told and refuse nothing. */
export const warnings = (checks: readonly Check[]): Check[] => checks.filter((check) => check.level === 'warn' && isOpen(check))

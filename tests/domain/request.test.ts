import { InvalidRequest } from '../../layers/core/domain/errors'
import { destinationProvider, parseRequest } from '../../layers/core/domain/request'

const now = new Date('2026-11-21T00:00:00.000Z')
const local = { runtime: 'local' as const, runId: 'run-1', executionId: 'x:run-1', now }
const aws = { ...local, runtime: 'aws' as const }
const places = { source: { bucket: 'acme_Archive' }, destination: { bucket: 'acme-archive' } }
const onAws = { ...places, source: { bucket: 'acme', credential: 'acme-wasabi' } }

const problems = (request: unknown, context: Parameters<typeof parseRequest>[1] = local): readonly string[] => {
  try {
    parseRequest(request, context)
    return []
  } catch (error) {
    if (error instanceof InvalidRequest) return error.problems
    throw error
  }
}

test('every default is set, and nothing is left to chance', () => {
  expect(parseRequest(places, local)).toMatchInlineSnapshot(`
   {
     "access": {
       "expiresAt": "2026-11-22T00:00:00.000Z",
     },
     "credentials": {
       "after": "verified",
       "revokeAtSource": false,
     },
     "dataClassification": "internal",
     "destination": {
       "account": null,
       "bucket": "acme-archive",
       "endpoint": null,
       "kmsKey": null,
       "prefix": "",
       "profile": null,
       "region": "us-east-1",
     },
     "dryRun": false,
     "executionId": "x:run-1",
     "limits": {
       "batchBytes": 8589934592,
       "batchObjects": 1000,
       "batches": 50,
       "costUsd": null,
       "largeObjectBytes": 268435456,
       "largeObjects": 10,
       "toleratedFailures": 100,
     },
     "pair": "f37e46406e5e34373b6761c633faa020",
     "residency": {
       "regions": [],
     },
     "runId": "run-1",
     "shards": {
       "batches": "runs/run-1/shards/batches/",
       "large": "runs/run-1/shards/large/",
     },
     "source": {
       "bucket": "acme_Archive",
       "credential": null,
       "endpoint": null,
       "prefix": "",
       "profile": null,
       "provider": "aws",
       "region": "us-east-1",
     },
     "startedAt": "2026-11-21T00:00:00.000Z",
     "verification": {
       "mode": "listing",
     },
   }
  `)
})

test.each([
  ['source.buket', { ...places, source: { bucket: 'abc', buket: 'x' } }, /^source\.buket: unknown field; known here are bucket, /],
  ['dryrun', { ...places, dryrun: true }, /^dryrun: unknown field; .*dryRun/],
  ['limits.batchs', { ...places, limits: { batchs: 1 } }, /^limits\.batchs: unknown field; .*batches/],
  ['source.bucket missing', { ...places, source: {} }, /^source\.bucket: is missing/],
  ['source missing', { destination: places.destination }, /^source: is missing/],
  ['destination.bucket with capitals', { ...places, destination: { bucket: 'Acme' } }, /^destination\.bucket: is no Amazon S3 bucket name/],
  ['destination.bucket like an address', { ...places, destination: { bucket: '10.0.0.1' } }, /^destination\.bucket: is no/],
  ['destination.bucket with two dots', { ...places, destination: { bucket: 'a..b' } }, /^destination\.bucket: is no/],
  ['source.endpoint no URL', { ...places, source: { bucket: 'abc', endpoint: 'minio.local' } }, /^source\.endpoint: is no endpoint/],
  ['source.endpoint with a path', { ...places, source: { bucket: 'abc', endpoint: 'https://h/x' } }, /^source\.endpoint: is no endpoint/],
  ['source.endpoint with a user', { ...places, source: { bucket: 'abc', endpoint: 'https://u:p@h' } }, /^source\.endpoint: is no endpoint/],
  ['source.prefix with half a pair', { ...places, source: { bucket: 'abc', prefix: '\ud800' } }, /^source\.prefix: holds half/],
  [
    'source.credential on one machine',
    { ...places, source: { bucket: 'abc', credential: 'x' } },
    /^source\.credential: names a secret on AWS/,
  ],
  ['access.hours over the cap', { ...places, access: { hours: 721 } }, /^access\.hours: is over the cap of 720/],
  ['limits.largeObjectBytes below a part', { ...places, limits: { largeObjectBytes: 1 } }, /^limits\.largeObjectBytes: /],
  ['the source itself', { source: { bucket: 'abc' }, destination: { bucket: 'abc' } }, /^destination\.bucket: is the source itself/],
  [
    'below the source',
    { source: { bucket: 'abc' }, destination: { bucket: 'abc', prefix: 'copy/' } },
    /^destination\.bucket: is the source itself/,
  ],
  ['no object', 'abc', /^request: /],
])('refused, naming the field: %s', (_name, request, words) => {
  expect(problems(request)).toEqual([expect.stringMatching(words)])
})

test('several problems are all said at once', () => {
  expect(problems({ source: { bucket: 'x' }, destination: { bucket: 'X' }, dry: 1 })).toHaveLength(3)
})

test('the same bucket with prefixes that do not meet is no problem', () => {
  expect(problems({ source: { bucket: 'abc', prefix: 'a/' }, destination: { bucket: 'abc', prefix: 'b/' } })).toEqual([])
})

test('on AWS an endpoint or a profile is refused, and the credential must be named', () => {
  expect(problems(onAws, aws)).toEqual([])
  expect(problems(places, aws)).toEqual([expect.stringMatching(/^source\.credential: is missing/)])
  expect(problems({ ...onAws, destination: { bucket: 'acme-archive', endpoint: 'https://h' } }, aws)).toEqual([
    expect.stringMatching(/^destination\.endpoint: only the one-machine/),
  ])
  expect(problems({ ...onAws, source: { ...onAws.source, profile: 'p' } }, aws)).toEqual([
    expect.stringMatching(/^source\.profile: only the one-machine/),
  ])
})

test.each(['', 'a b', 'x'.repeat(81), 'a/b', 'ä'])('an execution name that is no run id is refused: %j', (runId) => {
  expect(problems(onAws, { ...aws, runId })).toEqual([expect.stringMatching(/^execution name: /)])
  expect(problems(places, { ...local, runId })).toEqual([expect.stringMatching(/^--name: /)])
})

test('an execution name of one character is no external id, and only one machine has no use for one', () => {
  expect(problems(onAws, { ...aws, runId: 'a' })).toEqual([expect.stringMatching(/^execution name: .*2 to 80/)])
  expect(problems(places, { ...local, runId: 'a' })).toEqual([])
})

test('a pair is the same for the same two places, whatever else is asked', () => {
  const pair = (request: unknown) => parseRequest(request, local).pair
  expect(pair({ ...places, dryRun: true })).toBe(pair(places))
  expect(pair({ ...places, destination: { bucket: 'acme-archive', prefix: 'x' } })).not.toBe(pair(places))
})

describe('where the destination may stand', () => {
  const regions = (change: object, allowedRegions: string[] = []) =>
    problems({ ...onAws, ...change }, { ...aws, stage: { account: '123456789012', allowedRegions } })
  const inFrankfurt = { destination: { bucket: 'acme-archive', region: 'eu-central-1' } }

  test('is anywhere unless the request or the stage says where', () => {
    expect(regions(inFrankfurt)).toEqual([])
    expect(regions({ ...inFrankfurt, residency: { regions: ['eu-central-1'] } })).toEqual([])
    expect(regions(inFrankfurt, ['eu-central-1', 'eu-west-1'])).toEqual([])
  })

  test.each<[string, object, string[], RegExp]>([
    ['outside the request', { residency: { regions: ['eu-west-1'] } }, [], /^destination\.region: eu-central-1 is outside/],
    ['outside the stage', {}, ['eu-west-1'], /^destination\.region: eu-central-1 is outside/],
    ['wider than the stage', { residency: { regions: ['eu-central-1', 'us-east-1'] } }, ['eu-central-1'], /^residency\.regions: us-east-1/],
    ['restricted and nowhere', { dataClassification: 'restricted' }, [], /^residency\.regions: restricted data needs/],
  ])('is refused: %s', (_name, change, allowed, words) => {
    expect(regions({ ...inFrankfurt, ...change }, allowed)).toEqual([expect.stringMatching(words)])
  })

  test('restricted data with regions is taken, and the stage names those of a request without any', () => {
    const context = { ...aws, stage: { account: '123456789012', allowedRegions: ['eu-central-1'] } }
    const parsed = parseRequest({ ...onAws, ...inFrankfurt, dataClassification: 'restricted' }, context)
    expect(parsed.residency.regions).toEqual(['eu-central-1'])
  })
})

test('the stage owns the destination unless the request names another account', () => {
  const context = { ...aws, stage: { account: '123456789012', allowedRegions: [] } }
  expect(parseRequest(onAws, context).destination.account).toBe('123456789012')
  const foreign = { ...onAws, destination: { bucket: 'acme-archive', account: '210987654321' } }
  expect(parseRequest(foreign, context).destination.account).toBe('210987654321')
  expect(parseRequest(places, local).destination.account).toBeNull()
})

test.each<[string, object, RegExp]>([
  ['an account', { account: '1234' }, /^destination\.account: is no AWS account/],
  ['an alias', { kmsKey: 'arn:aws:kms:us-east-1:123456789012:alias/x' }, /^destination\.kmsKey: is no ARN/],
  ['a key elsewhere', { kmsKey: 'arn:aws:kms:eu-west-1:123456789012:key/1-2' }, /^destination\.kmsKey: is a key of another region/],
])('a destination with %s that cannot be is refused', (_name, change, words) => {
  expect(problems({ ...onAws, destination: { bucket: 'acme-archive', ...change } }, aws)).toEqual([expect.stringMatching(words)])
})

test('keys of the operator are never revoked by a run on one machine', () => {
  expect(problems({ ...places, credentials: { revokeAtSource: true } })).toEqual([expect.stringMatching(/^credentials\.revokeAtSource: /)])
})

test('the provider follows from the endpoint unless it is named', () => {
  const provider = (source: object) => parseRequest({ ...places, source: { bucket: 'abc', ...source } }, local).source.provider
  expect(provider({})).toBe('aws')
  expect(provider({ endpoint: 'embedded' })).toBe('embedded')
  expect(provider({ endpoint: 'https://s3.example.com' })).toBe('other')
  expect(provider({ endpoint: 'https://s3.example.com', provider: 'ceph' })).toBe('ceph')
  expect(destinationProvider(parseRequest({ ...places, destination: { bucket: 'abc', endpoint: 'https://h' } }, local))).toBe('minio')
})

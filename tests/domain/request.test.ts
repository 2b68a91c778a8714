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
     "carry": {
       "retention": false,
       "storageClass": "STANDARD",
       "tags": false,
       "versions": "current",
     },
     "credentials": {
       "after": "verified",
       "revokeAtSource": false,
     },
     "cutover": false,
     "dataClassification": "internal",
     "destination": {
       "account": null,
       "bucket": "acme-archive",
       "endpoint": null,
       "kmsKey": null,
       "prefix": "",
       "profile": null,
       "region": "us-east-1",
       "replaces": "",
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
     "restore": {
       "archived": false,
       "days": 7,
       "tier": "Bulk",
     },
     "runId": "run-1",
     "selection": {
       "exclude": [],
       "failuresOf": null,
       "include": [],
       "keys": null,
       "maxBytes": null,
       "minBytes": null,
       "modifiedBefore": null,
       "modifiedSince": null,
     },
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
       "sample": 1,
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
  [
    'selection.minBytes beside all versions',
    { ...places, carry: { versions: 'all' }, selection: { minBytes: 1 } },
    /^selection\.minBytes: with carry\.versions all/,
  ],
  [
    'selection.modifiedSince beside all versions',
    { ...places, carry: { versions: 'all' }, selection: { modifiedSince: '30d' } },
    /^selection\.modifiedSince: with carry\.versions all/,
  ],
  ['access.hours over the cap', { ...places, access: { hours: 721 } }, /^access\.hours: is over the cap of 720/],
  ['limits.largeObjectBytes below a part', { ...places, limits: { largeObjectBytes: 1 } }, /^limits\.largeObjectBytes: /],
  ['the source itself', { source: { bucket: 'abc' }, destination: { bucket: 'abc' } }, /^destination\.bucket: is the source itself/],
  [
    'below the source',
    { source: { bucket: 'abc' }, destination: { bucket: 'abc', prefix: 'copy/' } },
    /^destination\.bucket: is the source itself/,
  ],
  [
    'the source itself by another spelling of its endpoint',
    {
      source: { bucket: 'abc', endpoint: 'https://h.example.com' },
      destination: { bucket: 'abc', endpoint: 'https://H.example.com:443/' },
    },
    /^destination\.bucket: is the source itself/,
  ],
  [
    'the source itself, at an endpoint of Amazon S3',
    { source: { bucket: 'abc', endpoint: 'https://s3.dualstack.eu-west-1.amazonaws.com' }, destination: { bucket: 'abc' } },
    /^destination\.bucket: is the source itself/,
  ],
  [
    'a size with a unit',
    { ...places, selection: { minBytes: '10MB' } },
    /^selection\.minBytes: is no number of bytes; write a whole number/,
  ],
  ['a size below 0', { ...places, selection: { maxBytes: -1 } }, /^selection\.maxBytes: is no number of bytes/],
  ['a size between two', { ...places, selection: { maxBytes: 1.5 } }, /^selection\.maxBytes: is no number of bytes/],
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
    problems({ ...onAws, ...change }, { ...aws, stage: { account: '123456789012', allowedRegions, deleteMarkers: false } })
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
    const context = { ...aws, stage: { account: '123456789012', allowedRegions: ['eu-central-1'], deleteMarkers: false } }
    const parsed = parseRequest({ ...onAws, ...inFrankfurt, dataClassification: 'restricted' }, context)
    expect(parsed.residency.regions).toEqual(['eu-central-1'])
  })
})

test('the stage owns the destination unless the request names another account', () => {
  const context = { ...aws, stage: { account: '123456789012', allowedRegions: [], deleteMarkers: false } }
  expect(parseRequest(onAws, context).destination.account).toBe('123456789012')
  const foreign = { ...onAws, destination: { bucket: 'acme-archive', account: '210987654321' } }
  expect(parseRequest(foreign, context).destination.account).toBe('210987654321')
  expect(parseRequest(places, local).destination.account).toBeNull()
})

test('all versions need a stage that was deployed for it, and one machine needs nothing', () => {
  const allVersions = { carry: { versions: 'all' } }
  const stage = { account: '123456789012', allowedRegions: [] }
  const refusal = [expect.stringMatching(/^carry\.versions: .*deploy it with the parameter deleteMarkers=true, or leave the field out$/)]
  expect(problems({ ...onAws, ...allVersions }, { ...aws, stage: { ...stage, deleteMarkers: false } })).toEqual(refusal)
  expect(problems({ ...onAws, ...allVersions }, aws)).toEqual(refusal)
  expect(problems({ ...onAws, ...allVersions }, { ...aws, stage: { ...stage, deleteMarkers: true } })).toEqual([])
  expect(problems({ ...places, ...allVersions })).toEqual([])
  expect(problems(onAws, { ...aws, stage: { ...stage, deleteMarkers: false } })).toEqual([])
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

test.each<[string, object, string]>([
  ['a number for text', { source: { bucket: 5 } }, 'source.bucket: is no text; write it in double quotes'],
  ['text for a number', { limits: { costUsd: '50' } }, 'limits.costUsd: is no number; write one, without quotes'],
  ['half a number', { limits: { batches: 0.5 } }, 'limits.batches: is no whole number; write one, without quotes'],
  ['text for a boolean', { dryRun: 'true' }, 'dryRun: is neither true nor false; write one of them, without quotes'],
  ['text for a list', { selection: { include: 'a*' } }, 'selection.include: is no list; write it in square brackets'],
  ['a list for an object', { carry: [] }, 'carry: is no object; write it in braces'],
  ['an unknown name', { verification: { mode: 'fast' } }, 'verification.mode: is unknown here; name one of listing, checksum, reread'],
  ['too much', { limits: { batches: 10_001 } }, 'limits.batches: is over 10000, the most that it may be; lower it'],
  ['too little', { limits: { batches: 0 } }, 'limits.batches: is too small; write 1 or more'],
  ['nothing', { limits: { costUsd: 0 } }, 'limits.costUsd: is too small; write more than 0'],
])('%s is refused in words that say what to do', (_what, part, problem) => {
  expect(problems({ ...places, ...part })).toContainEqual(problem)
})

test('what is no object is no request', () => {
  for (const request of [[], null, 'x', 5]) expect(problems(request)).toEqual(['request: is no object; write it in braces'])
})

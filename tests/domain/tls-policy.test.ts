import { anonymousPrincipal, runSimulation, type Simulation } from '@cloud-copilot/iam-simulate'
import fc from 'fast-check'
import { oldTlsRefused, plaintextRefused, tlsOnlyStatement } from '../../layers/core/domain/tls-policy'

const BUCKET = 'acme-archive'
const ACCOUNT = '123456789012'
const ARN = `arn:aws:s3:::${BUCKET}`
const WHOLE = { bucket: true, objects: true }
const NOTHING = { bucket: false, objects: false }

const tlsOnly = tlsOnlyStatement(BUCKET) as Record<string, unknown>
const policyOf = (...statements: object[]): string => JSON.stringify({ Version: '2012-10-17', Statement: statements })
const changed = (change: object): string => policyOf({ ...tlsOnly, ...change })

test.each<[string, string | null]>([
  ['as we write it', policyOf(tlsOnly)],
  ['one statement, not in a list', JSON.stringify({ Version: '2012-10-17', Statement: tlsOnly })],
  ['beside other statements', policyOf({ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `${ARN}/*` }, tlsOnly)],
  ['in two statements', policyOf({ ...tlsOnly, Resource: ARN }, { ...tlsOnly, Resource: `${ARN}/*` })],
  ['for AWS: *', changed({ Principal: { AWS: '*' } })],
  ['for AWS: [*]', changed({ Principal: { AWS: ['*'] } })],
  ['for every action of every service', changed({ Action: '*' })],
  ['with s3:* among others', changed({ Action: ['S3:*', 's3:GetObject'] })],
  ['for every resource', changed({ Resource: '*' })],
  ['for what begins with the bucket', changed({ Resource: `${ARN}*` })],
  ['for a wildcard in the name', changed({ Resource: ['arn:aws:s3:::acme-*', 'arn:aws:s3:::acme-*/*'] })],
  ['with a key in small letters', changed({ Condition: { Bool: { 'aws:securetransport': 'false' } } })],
  ['with a boolean', changed({ Condition: { Bool: { 'aws:SecureTransport': false } } })],
  ['with a list', changed({ Condition: { Bool: { 'aws:SecureTransport': ['false'] } } })],
  ['with BoolIfExists', changed({ Condition: { BoolIfExists: { 'aws:SecureTransport': 'false' } } })],
  ['in another partition', changed({ Resource: [`arn:aws-us-gov:s3:::${BUCKET}`, `arn:aws-us-gov:s3:::${BUCKET}/*`] })],
])('plaintext is refused: %s', (_name, policy) => {
  expect(plaintextRefused(policy, BUCKET)).toEqual(WHOLE)
})

test.each<[string, string | null, object]>([
  ['no policy', null, NOTHING],
  ['no JSON', '{', NOTHING],
  ['a policy that is a list', '[]', NOTHING],
  ['no statement', policyOf(), NOTHING],
  ['Allow instead of Deny', changed({ Effect: 'Allow' }), NOTHING],
  ['only GetObject', changed({ Action: 's3:GetObject' }), NOTHING],
  ['only what begins with Get', changed({ Action: 's3:Get*' }), NOTHING],
  ['NotAction', policyOf({ ...tlsOnly, Action: undefined, NotAction: 's3:GetObject' }), NOTHING],
  ['NotAction beside Action', changed({ NotAction: 's3:GetObject' }), NOTHING],
  ['only the objects', changed({ Resource: `${ARN}/*` }), { bucket: false, objects: true }],
  ['only the bucket', changed({ Resource: ARN }), { bucket: true, objects: false }],
  ['objects below a prefix', changed({ Resource: [ARN, `${ARN}/in/*`] }), { bucket: true, objects: false }],
  ['objects with an ending', changed({ Resource: [ARN, `${ARN}/*.txt`] }), { bucket: true, objects: false }],
  ['another bucket', changed({ Resource: ['arn:aws:s3:::other', 'arn:aws:s3:::other/*'] }), NOTHING],
  ['a longer name', changed({ Resource: [`${ARN}-2`, `${ARN}-2/*`] }), NOTHING],
  ['a policy variable', changed({ Resource: [`${ARN}`, `${ARN}/\${aws:username}*`] }), { bucket: true, objects: false }],
  ['NotResource', policyOf({ ...tlsOnly, Resource: undefined, NotResource: `${ARN}/public/*` }), NOTHING],
  ['one account', changed({ Principal: { AWS: ACCOUNT } }), NOTHING],
  ['services only', changed({ Principal: { Service: '*' } }), NOTHING],
  ['NotPrincipal', policyOf({ ...tlsOnly, Principal: undefined, NotPrincipal: { AWS: ACCOUNT } }), NOTHING],
  ['SecureTransport true', changed({ Condition: { Bool: { 'aws:SecureTransport': 'true' } } }), NOTHING],
  ['a Null operator', changed({ Condition: { Null: { 'aws:SecureTransport': 'false' } } }), NOTHING],
  ['a second key', changed({ Condition: { Bool: { 'aws:SecureTransport': 'false', 'aws:PrincipalIsAWSService': 'false' } } }), NOTHING],
  [
    'a second operator',
    changed({ Condition: { Bool: { 'aws:SecureTransport': 'false' }, StringEquals: { 'aws:PrincipalAccount': ACCOUNT } } }),
    NOTHING,
  ],
  ['a condition that is text', changed({ Condition: 'x' }), NOTHING],
])('plaintext is not refused, or not all of it: %s', (_name, policy, refused) => {
  expect(plaintextRefused(policy, BUCKET)).toEqual(refused)
})

test('TLS below 1.2 is another question than no TLS', () => {
  const tls12 = { ...tlsOnly, Condition: { NumericLessThan: { 's3:TlsVersion': '1.2' } } }
  expect(oldTlsRefused(policyOf(tls12), BUCKET)).toEqual(WHOLE)
  expect(plaintextRefused(policyOf(tls12), BUCKET)).toEqual(NOTHING)
  expect(oldTlsRefused(policyOf(tlsOnly), BUCKET)).toEqual(NOTHING)
  expect(oldTlsRefused(policyOf({ ...tls12, Condition: { NumericLessThan: { 's3:TlsVersion': 1.3 } } }), BUCKET)).toEqual(WHOLE)
  expect(oldTlsRefused(policyOf({ ...tls12, Condition: { NumericLessThan: { 's3:TlsVersion': '1.1' } } }), BUCKET)).toEqual(NOTHING)
})

test('a policy full of wildcards costs no more than its length', () => {
  const stars = `arn:aws:s3:::${'*a'.repeat(2000)}`
  expect(plaintextRefused(changed({ Resource: [stars, `${stars}/*`] }), BUCKET)).toEqual(NOTHING)
})

/** Requests of several kinds over plaintext: what the simulator is asked. */
const REQUESTS: readonly [action: string, resource: string][] = [
  ['s3:ListBucket', ARN],
  ['s3:GetBucketPolicy', ARN],
  ['s3:GetObject', `${ARN}/a`],
  ['s3:PutObject', `${ARN}/in/b.txt`],
  ['s3:DeleteObject', `${ARN}/public/c`],
]

const role = `arn:aws:iam::${ACCOUNT}:role/someone`

/** Which of the plaintext requests IAM lets through: the policy under test beside rights that allow everything. */
const letThrough = async (policy: string): Promise<string[]> => {
  const document = JSON.parse(policy) as { Statement: object[] }
  const allowAll = { Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: [ARN, `${ARN}/*`] }
  const through: string[] = []
  for (const [action, resource] of REQUESTS) {
    for (const principal of [role, anonymousPrincipal]) {
      const simulation: Simulation = {
        request: { principal, action, resource: { resource, accountId: ACCOUNT }, contextVariables: { 'aws:SecureTransport': 'false' } },
        identityPolicies: [],
        serviceControlPolicies: [],
        resourceControlPolicies: [],
        resourcePolicy: { ...document, Statement: [...document.Statement, allowAll] },
      }
      const found = await runSimulation(simulation, {})
      if (found.resultType === 'error') throw new Error(JSON.stringify(found.errors))
      if (found.overallResult === 'Allowed') through.push(`${principal === role ? 'role' : 'nobody'} ${action}`)
    }
  }
  return through
}

/** A statement whose every part may be right or wrong. */
const anyStatement = fc.record({
  Effect: fc.constantFrom('Deny', 'Deny', 'Deny', 'Allow'),
  Principal: fc.constantFrom<unknown>('*', '*', { AWS: '*' }, { AWS: ['*'] }, { AWS: `arn:aws:iam::${ACCOUNT}:root` }, { AWS: role }),
  Action: fc.constantFrom<unknown>('s3:*', 's3:*', ['s3:*'], 's3:Get*', ['s3:GetObject', 's3:PutObject'], 's3:PutObject'),
  Resource: fc.constantFrom<unknown>(
    ...[[ARN, `${ARN}/*`], [ARN, `${ARN}/*`], `${ARN}*`, ARN, `${ARN}/*`, [`${ARN}/in/*`, ARN], [`${ARN}/public/*`, `${ARN}/a`]],
    'arn:aws:s3:::acme-*',
  ),
  Condition: fc.constantFrom<unknown>(
    ...[
      { Bool: { 'aws:SecureTransport': 'false' } },
      { Bool: { 'aws:SecureTransport': 'false' } },
      { BoolIfExists: { 'aws:SecureTransport': 'false' } },
    ],
    ...[{ Bool: { 'aws:SecureTransport': 'true' } }, { Bool: { 'aws:SecureTransport': ['true', 'false'] } }],
    { Bool: { 'aws:SecureTransport': 'false' }, StringEquals: { 'aws:PrincipalAccount': '210987654321' } },
  ),
})

test('what it calls refused, IAM lets nobody do; planted, a policy that it must not believe is seen', async () => {
  let whole = 0
  let short = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anyStatement, { minLength: 1, maxLength: 3 }), async (statements) => {
      const policy = policyOf(...statements)
      const { bucket, objects } = plaintextRefused(policy, BUCKET)
      const through = await letThrough(policy)
      if (bucket && objects) whole++
      else if (through.length > 0) short++
      if (objects) expect(through.filter((line) => line.endsWith('Object'))).toEqual([])
      if (bucket) expect(through.filter((line) => !line.endsWith('Object'))).toEqual([])
    }),
    { numRuns: 150, seed: 4 },
  )
  // Both kinds were drawn: a property over one of them alone would prove nothing.
  expect(whole).toBeGreaterThan(10)
  expect(short).toBeGreaterThan(10)
  expect(await letThrough(changed({ Action: 's3:GetObject' }))).toContain('role s3:PutObject')
  expect(await letThrough(policyOf(tlsOnly))).toEqual([])
})

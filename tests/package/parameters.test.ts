import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { destinationsFrom, rolesFrom } from '../../scripts/parameters.js'
import { problemsOf, type Parameters } from '../../scripts/plugins/check-parameters.js'

const KEY = 'arn:aws:kms:eu-central-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab'

describe('allowedDestinations', () => {
  test('takes names and bucket ARNs, accounts and keys, and makes nothing of an empty list', () => {
    expect(destinationsFrom(`my-bucket, arn:aws:s3:::other.bucket,arn:aws-cn:s3:::third,210987654321,${KEY}`)).toEqual({
      buckets: ['my-bucket', 'other.bucket', 'third'],
      accounts: ['210987654321'],
      keys: [KEY],
    })
    expect(destinationsFrom(' ')).toEqual({ buckets: [], accounts: [], keys: [] })
  })

  test.each([
    '*',
    'my-*',
    'my-bucket/*',
    'arn:aws:s3:::my-bucket/x',
    'arn:aws:s3:::*',
    'arn:aws:kms:eu-central-1:210987654321:key/*',
    'arn:aws:kms:eu-central-1:210987654321:alias/mine',
    'arn:aws:kms:*:210987654321:key/1234abcd',
    'ab',
    'a..b',
    'My-Bucket',
    '${x}',
    'my bucket',
    'a'.repeat(64),
    'my-bucket,?',
  ])('refuses %s by name', (list) => expect(() => destinationsFrom(list)).toThrow(/allowedDestinations: ".+" is not a bucket/))
})

describe('roles of sources', () => {
  test('are whole ARNs', () => {
    expect(rolesFrom('sourceRoles', 'arn:aws:iam::111122223333:role/a, arn:aws:iam::111122223333:role/path/b')).toEqual([
      'arn:aws:iam::111122223333:role/a',
      'arn:aws:iam::111122223333:role/path/b',
    ])
    expect(rolesFrom('sourceRoles', '')).toEqual([])
  })

  test.each(['*', 'a', 'arn:aws:iam::111122223333:role/*', 'arn:aws:iam::*:role/a', 'arn:aws:iam::111122223333:user/a'])(
    'are not %s',
    (list) => expect(() => rolesFrom('revocationRoles', list)).toThrow(/^revocationRoles: ".+" is not a role's ARN\. Name each role/),
  )
})

describe('a stage', () => {
  const good: Parameters = {
    stage: 'dev',
    allowedDestinations: 'my-bucket',
    allowedRegions: '',
    sourceRoles: '',
    revocationRoles: '',
    deleteMarkers: '',
    reservedConcurrency: '',
    alarmEmail: '',
    auditTrail: '',
    vpcId: '',
    vpcSubnetIds: '',
    vpcRouteTableIds: '',
    logKeys: 'full',
    scheduleExpression: '',
    scheduleInput: '{}',
  }
  const vpc = { vpcId: 'vpc-0123abcd', vpcSubnetIds: 'subnet-0123abcd, subnet-0123456789abcdef0', vpcRouteTableIds: 'rtb-0123abcd' }

  test('can be packaged without destinations and not deployed', () => {
    expect(problemsOf({ ...good, allowedDestinations: '' }, false)).toEqual([])
    expect(problemsOf({ ...good, allowedDestinations: '' }, true)).toEqual([expect.stringContaining('allowedDestinations is not given')])
    expect(problemsOf({ ...good, allowedDestinations: '210987654321' }, true)).toEqual([
      expect.stringContaining('allowedDestinations names no bucket'),
    ])
    expect(problemsOf(good, true)).toEqual([])
  })

  test('can have everything', () => {
    const everything: Parameters = {
      ...good,
      ...vpc,
      allowedDestinations: `my-bucket,210987654321,${KEY}`,
      allowedRegions: 'eu-central-1, us-gov-west-1',
      sourceRoles: 'arn:aws:iam::111122223333:role/a',
      revocationRoles: 'arn:aws:iam::111122223333:role/b',
      deleteMarkers: 'true',
      reservedConcurrency: '20',
      alarmEmail: 'operators@example.com',
      auditTrail: 'true',
      logKeys: 'hash',
      scheduleExpression: 'rate(1 day)',
      scheduleInput: '{"source":1}',
    }
    expect(problemsOf(everything, true)).toEqual([])
  })

  const wrong: [keyof Parameters, string][] = [
    ...['A', 'a_b', 'a/b', '*', 'a'.repeat(21)].map((stage): [keyof Parameters, string] => ['stage', stage]),
    ['allowedDestinations', '*'],
    ['allowedRegions', 'Frankfurt'],
    ['allowedRegions', 'eu-central-1,eu-*'],
    ['sourceRoles', 'arn:aws:iam::111122223333:role/*'],
    ['revocationRoles', 'me'],
    ['reservedConcurrency', '0'],
    ['reservedConcurrency', '-1'],
    ['reservedConcurrency', '2.5'],
    ['reservedConcurrency', 'many'],
    ['alarmEmail', 'operators'],
    ['alarmEmail', 'a@example.com,b@example.com'],
    ['deleteMarkers', 'yes'],
    ['deleteMarkers', 'false'],
    ['auditTrail', 'yes'],
    ['auditTrail', 'false'],
    ['logKeys', ''],
    ['logKeys', 'none'],
  ]
  test.each(wrong)('has no %s %j, and the sentence names the parameter', (name, value) => {
    const problems = problemsOf({ ...good, [name]: value }, false)
    expect(problems).toEqual([expect.stringContaining(name)])
    expect(problems[0]).toMatch(/\b(use|give|write|name)\b/i)
  })

  test.each(Object.keys(vpc) as (keyof typeof vpc)[])('has no VPC without %s, or with a wrong one', (name) => {
    expect(problemsOf({ ...good, ...vpc, [name]: '' }, false)).toEqual([expect.stringMatching(`^${name} is not given`)])
    expect(problemsOf({ ...good, ...vpc, [name]: 'x' }, false)).toEqual([expect.stringMatching(`^${name}: "x" is not an id`)])
  })

  test.each(['{}', '', 'no JSON'])('is not scheduled with the request %j', (scheduleInput) =>
    expect(problemsOf({ ...good, scheduleExpression: 'rate(1 day)', scheduleInput }, false)).toEqual([
      expect.stringContaining('scheduleExpression needs'),
    ]),
  )
})

test('every deploy parameter is checked, and can be given by the workflow', () => {
  const { params, custom } = load(readFileSync('serverless.yml', 'utf8').replaceAll(/!(Sub|GetAtt|Ref|Select|Split)\b/g, '')) as {
    params: { default: Record<string, string> }
    custom: { parameters: Record<string, string> }
  }
  const { stage, ...checked } = custom.parameters
  const names = Object.keys(params.default)
  expect(stage).toBe('${sls:stage}')
  expect(checked).toEqual(Object.fromEntries(names.map((name) => [name, `\${param:${name}}`])))
  const workflow = readFileSync('.github/workflows/ci.yml', 'utf8')
  for (const name of names) {
    const variable = `DRAYAGE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
    expect(workflow).toContain(`vars.${variable} }}`)
  }
})

test('the workflow runs pinned actions only, and only the deploy job can take a role', () => {
  const { permissions, jobs } = load(readFileSync('.github/workflows/ci.yml', 'utf8')) as {
    permissions: object
    jobs: Record<string, { permissions?: object; steps: { uses?: string }[] }>
  }
  const used = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ uses }) => (uses === undefined ? [] : [uses])))
  expect(used.length).toBeGreaterThan(0)
  for (const action of used) expect(action).toMatch(/@[0-9a-f]{40}$/)
  expect([permissions, jobs.test?.permissions, jobs.deploy?.permissions]).toEqual([
    { contents: 'read' },
    undefined,
    { contents: 'read', 'id-token': 'write' },
  ])
})

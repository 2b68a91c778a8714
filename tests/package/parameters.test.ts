import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { destinationsFrom } from '../../scripts/destinations.js'
import { problemsOf } from '../../scripts/plugins/check-parameters.js'

describe('allowedDestinations', () => {
  test('takes names and bucket ARNs, and makes nothing of an empty list', () => {
    expect(destinationsFrom('my-bucket, arn:aws:s3:::other.bucket,arn:aws-cn:s3:::third')).toEqual(['my-bucket', 'other.bucket', 'third'])
    expect(destinationsFrom(' ')).toEqual(['--'])
  })

  test.each([
    '*',
    'my-*',
    'my-bucket/*',
    'arn:aws:s3:::my-bucket/x',
    'arn:aws:s3:::*',
    'ab',
    'a..b',
    'My-Bucket',
    '${x}',
    'my bucket',
    'a'.repeat(64),
    'my-bucket,?',
  ])('refuses %s by name', (list) => expect(() => destinationsFrom(list)).toThrow(/allowedDestinations: ".+" is not a bucket/))
})

describe('a stage', () => {
  const good = { stage: 'dev', allowedDestinations: 'my-bucket', scheduleExpression: '', scheduleInput: '{}' }

  test('can be packaged without destinations and not deployed', () => {
    expect(problemsOf({ ...good, allowedDestinations: '' }, false)).toEqual([])
    expect(problemsOf({ ...good, allowedDestinations: '' }, true)).toEqual([expect.stringContaining('allowedDestinations is not given')])
    expect(problemsOf(good, true)).toEqual([])
  })

  test.each(['A', 'a_b', 'a/b', '*', 'a'.repeat(21)])('is not called %s', (stage) =>
    expect(problemsOf({ ...good, stage }, false)).toEqual([expect.stringContaining('--stage')]),
  )

  test.each(['{}', '', 'no JSON'])('is not scheduled with the request %j', (scheduleInput) =>
    expect(problemsOf({ ...good, scheduleExpression: 'rate(1 day)', scheduleInput }, false)).toEqual([
      expect.stringContaining('scheduleExpression needs'),
    ]),
  )

  test('is scheduled with a request', () =>
    expect(problemsOf({ ...good, scheduleExpression: 'rate(1 day)', scheduleInput: '{"source":1}' }, true)).toEqual([]))
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

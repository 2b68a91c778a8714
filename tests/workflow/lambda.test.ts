import { inspect } from 'node:util'
import { AccessDenied, lambda, type Services, type Step } from '@drayage/core'
import { World } from './harness'

const CANARY = 'canary-not-a-real-secret'

const services = (): Services => new World().services

const context = (remainingMs = 900_000) => {
  const ends = Date.now() + remainingMs
  return { functionName: 'f', awsRequestId: 'r', getRemainingTimeInMillis: () => ends - Date.now() }
}

const thrownBy = async (step: Step<unknown, unknown>, shape = {}, remainingMs?: number): Promise<Error> => {
  try {
    await lambda(step, shape, services)({}, context(remainingMs))
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

test('an answer is passed on as it is', async () => {
  expect(
    await lambda(
      async () => ({ more: false, limits: { batches: 3 } }),
      { more: 'boolean', 'limits.batches': 'integer' },
      services,
    )({}, context()),
  ).toEqual({
    more: false,
    limits: { batches: 3 },
  })
})

test.each([
  ['is missing', {}],
  ['is of another type', { more: 'false' }],
  ['is null', { more: null }],
])('an answer whose value for a Choice %s is BadAnswer, which a Catch sees', async (_name, answer) => {
  expect(await thrownBy(async () => answer, { more: 'boolean' })).toMatchObject({
    name: 'BadAnswer',
    message: "the answer's more is not of type boolean",
  })
})

test('an answer over 256 KiB is BadAnswer; one just below is not', async () => {
  const answer =
    (bytes: number): Step<unknown, unknown> =>
    async () =>
      'x'.repeat(bytes - 2)
  expect(await thrownBy(answer(262_145))).toMatchObject({ name: 'BadAnswer', message: expect.stringMatching(/262145 bytes/) })
  expect(await lambda(answer(262_144), {}, services)({}, context())).toHaveLength(262_142)
})

test('an error leaves a function with its name and words, and nothing that hung on it', async () => {
  const error = await thrownBy(async () => {
    throw Object.assign(new AccessDenied('403 on PUT', { cause: { secret: CANARY } }), { request: { headers: { authorization: CANARY } } })
  })
  expect([error.name, error.message]).toEqual(['AccessDenied', '403 on PUT'])
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(CANARY)
  expect(Object.keys(error)).toEqual(['name'])
  expect(inspect(Object.assign(new Error('x'), { secret: CANARY }), { depth: 10 })).toContain(CANARY)
})

test('shortly before its end a call is aborted with DeadlinePassed', async () => {
  const error = await thrownBy(
    (_event, { deadline }) => new Promise((_done, fail) => deadline.signal.addEventListener('abort', () => fail(deadline.signal.reason))),
    {},
    10_100,
  )
  expect(error).toMatchObject({ name: 'DeadlinePassed' })
})

test('each call’s log lines carry its run and shard, also with many calls at once', async () => {
  const world = new World()
  const failing = lambda(
    async () => {
      await new Promise((done) => setTimeout(done, 5))
      throw new AccessDenied('no')
    },
    {},
    () => world.services,
  )
  await Promise.allSettled([1, 2].map((run) => failing({ migration: { runId: `run-${run}` }, shard: `s${run}` }, context())))
  expect(world.log.map((line) => JSON.parse(line) as unknown)).toEqual(
    [1, 2].map((run) =>
      expect.objectContaining({ run: `run-${run}`, shard: `s${run}`, function: 'f', error: 'AccessDenied', detail: 'no' }),
    ),
  )
})

test('a deployed function that was told to take any certificate does nothing and says why', async () => {
  let called = false
  const deployed = lambda(async () => {
    called = true
    return {}
  })
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  try {
    await expect(deployed({}, context())).rejects.toMatchObject({
      name: 'InvalidRequest',
      message: expect.stringMatching(/_UNAUTHORIZED is 0/),
    })
  } finally {
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  }
  expect(called).toBe(false)
})

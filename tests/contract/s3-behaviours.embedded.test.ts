import type { S3Client } from '@aws-sdk/client-s3'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import { clientOf, temporaryDirectory } from '../support/embedded-client'
import { absent, refused, same, sameBytes, type Place } from './s3-behaviours/behaviour'
import { EMBEDDED_DIFFERENCES } from './s3-behaviours/embedded-differences'
import { differenceOf, S3_BEHAVIOURS, type Behaviour } from './s3-behaviours/index'

let temporary: ReturnType<typeof temporaryDirectory>
let server: EmbeddedS3
let client: S3Client

beforeAll(async () => {
  temporary = temporaryDirectory()
  server = await startEmbeddedS3({ directory: temporary.directory })
  client = clientOf(server.endpoint, server.root)
})

afterAll(async () => {
  client.destroy()
  await server.close()
  temporary.remove()
})

const differing = (behaviour: Behaviour): Promise<string | undefined> =>
  differenceOf(behaviour, { endpoint: server.endpoint, key: server.root, client })

describe('the embedded server does as Amazon S3 does', () => {
  describe.each([...new Set(S3_BEHAVIOURS.map(({ group }) => group))])('%s', (group) => {
    const behaviours = S3_BEHAVIOURS.filter((behaviour) => behaviour.group === group && EMBEDDED_DIFFERENCES[behaviour.name] === undefined)
    it.each(behaviours.map((behaviour) => [behaviour.name, behaviour] as const))('%s', async (_, behaviour) => {
      expect(await differing(behaviour)).toBeUndefined()
    })
  })
})

describe('the embedded server differs from Amazon S3 as its list says, and no further', () => {
  it.each(Object.entries(EMBEDDED_DIFFERENCES))('%s', async (name, { instead }) => {
    const behaviour = S3_BEHAVIOURS.find((each) => each.name === name)
    expect(behaviour).toBeDefined()
    expect(await differing(behaviour as Behaviour)).toBe(instead)
  })
})

it('each behaviour has a name of its own', () => {
  expect(new Set(S3_BEHAVIOURS.map(({ name }) => name)).size).toBe(S3_BEHAVIOURS.length)
})

describe('what is not as it should be is seen', () => {
  const put = async (at: Place, Body: string): Promise<Buffer> => {
    await at.put('a', Body)
    return (await at.get('a')).bytes
  }

  it.each<[string, Behaviour['run'], string | undefined]>([
    ['another value', async (at) => same('status', (await at.put('a')).$metadata.httpStatusCode, 201), 'status: 200 instead of 201'],
    ['other bytes', async (at) => sameBytes('body', await put(at, 'ab'), Buffer.from('ac')), 'body: other bytes'],
    ['fewer bytes', async (at) => sameBytes('body', await put(at, 'a'), Buffer.from('ac')), 'body: 1 bytes instead of 2'],
    ['no refusal', (at) => refused('PUT', at.put('a'), 412), 'PUT: accepted instead of 412'],
    ['another code', (at) => refused('GET', at.get('a'), '404 NoSuchBucket'), 'GET: 404 NoSuchKey instead of 404 NoSuchBucket'],
    ['another status', (at) => refused('GET', at.get('a'), 412), 'GET: 404 NoSuchKey instead of 412'],
    ['no client error', (at) => refused('PUT', at.put('a'), '4xx'), 'PUT: accepted instead of 4xx'],
    [
      'a refusal where none should be',
      (at) =>
        put(at, 'a')
          .then(() => at.get('b'))
          .then(() => undefined),
      '404 NoSuchKey',
    ],
    ['what should not be there', (at) => put(at, 'a').then(() => absent(at, 'a')), 'HEAD of a afterwards: accepted instead of 404'],
    ['nothing, where all is well', (at) => put(at, 'a').then(() => undefined), undefined],
  ])('%s', async (_, run, difference) => {
    expect(await differing({ group: 'control', name: 'control', page: undefined, run })).toBe(difference)
  })
})

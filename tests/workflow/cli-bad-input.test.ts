import { mkdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import { drayage, inState, scratch, tree } from './cli-support'

// One start of the command takes about a second on a busy machine.
const place = scratch()
let foreign: EmbeddedS3

beforeAll(async () => {
  foreign = await startEmbeddedS3({ directory: place.path('foreign') })
  await foreign.createBucket('source-bucket')
  await inState(place.path('kept'), async (open) => {
    await open('here')
    await open('there')
  })
  mkdirSync(place.path('empty'))
  writeFileSync(place.path('a-file'), 'no folder')
})
afterAll(async () => {
  await foreign.close()
  place.remove()
})

const embedded = (source: object = {}, rest: object = {}) => ({
  source: { bucket: 'here', endpoint: 'embedded', ...source },
  destination: { bucket: 'there', endpoint: 'embedded' },
  ...rest,
})

const keys = (side: string, accessKeyId: string, secretAccessKey: string) => ({
  [`DRAYAGE_${side}_ACCESS_KEY_ID`]: accessKeyId,
  [`DRAYAGE_${side}_SECRET_ACCESS_KEY`]: secretAccessKey,
})

const run = (request: unknown, state: string, env = {}, more: string[] = []) =>
  drayage(['run', '-', '--state', state, ...more], {
    cwd: place.folder,
    env,
    input: typeof request === 'string' ? request : JSON.stringify(request),
  })

describe('bad input: exit code 2, one line that names the field and the remedy, nothing created', () => {
  it.each<[string, unknown, string, RegExp]>([
    [
      'an unknown field',
      embedded({}, { colour: 'blue' }),
      'kept',
      /^colour: unknown field; known here are source, destination, .*limits$/m,
    ],
    [
      'a misspelt field',
      embedded({}, { limits: { batchObject: 10 } }),
      'kept',
      /^limits\.batchObject: unknown field; known here are .*batchObjects/m,
    ],
    ['a bad bucket name', embedded({ bucket: 'a' }), 'kept', /^source\.bucket: is no bucket name: 3 to 255 letters/m],
    ['an endpoint that is no URL', embedded({ endpoint: 'somewhere' }), 'kept', /^source\.endpoint: is no endpoint; write https:\/\/host/m],
    [
      'a missing bucket',
      embedded({ bucket: 'nowhere' }),
      'kept',
      /^source\.bucket: there is no bucket nowhere at the embedded server; name one that is there, or another state folder$/m,
    ],
    [
      'a bucket of another account',
      { ...embedded(), destination: { bucket: 'there', endpoint: 'embedded', account: '999999999999' } },
      'kept',
      /^destination\.account: the embedded server refuses to list there for the owner 999999999999; correct destination\.bucket or destination\.account/m,
    ],
    [
      'plaintext over a network',
      embedded({ endpoint: 'http://s3.example.com' }),
      'kept',
      /^source\.endpoint: internal data may not cross a network without TLS; write it with https:\/\//m,
    ],
    [
      'a missing bucket in a new state folder',
      embedded(),
      'new/deep',
      /^source\.bucket: there is no bucket here .*\ndestination\.bucket: there is no bucket there /m,
    ],
    ['a missing bucket in an empty state folder', embedded(), 'empty', /^source\.bucket: there is no bucket here /m],
    [
      'a source equal to the destination',
      embedded({ bucket: 'there' }),
      'kept',
      /^destination\.bucket: is the source itself; choose another bucket/m,
    ],
    [
      'a state folder that cannot be written',
      embedded(),
      'a-file/state',
      /^--state: the state folder .* cannot be used \(.*\); name another with --state DIR$/m,
    ],
    [
      'a state folder where the system lets none be made',
      embedded(),
      '/proc/drayage/state',
      /^--state: the state folder \/proc\/drayage\/state cannot be used \(.*\); name another with --state DIR$/m,
    ],
    ['text that is not JSON', '{\n  "source": }', 'kept', /^standard input: not JSON from line 2, column 13 on/m],
    [
      'text that is not JSON behind a byte order mark',
      '\uFEFF{\n  "source": }',
      'kept',
      /^standard input: not JSON from line 2, column 13 on/m,
    ],
    [
      'a field that stands twice',
      JSON.stringify(embedded({}, { limits: {} })).replace('"limits"', '"destination"'),
      'kept',
      /^standard input: line 1, column \d+ has "destination" a second time; leave one of the two out$/m,
    ],
    [
      'no credentials',
      embedded({ endpoint: 'http://127.0.0.1:9' }),
      'kept',
      /^source\.profile: no credentials for .*; set DRAYAGE_SOURCE_ACCESS_KEY_ID and .*, or name an AWS profile in source\.profile$/m,
    ],
    [
      'a profile that does not exist',
      embedded({ endpoint: 'http://127.0.0.1:9', profile: 'nobody' }),
      'kept',
      /^source\.profile: the AWS profile nobody gives no credentials; mend it/m,
    ],
  ])('%s', async (_what, request, folder, message) => {
    const state = resolve(place.folder, folder)
    const before = tree(state)
    const { code, stdout, stderr } = await run(request, state)
    expect(stderr).toMatch(message)
    expect(
      stderr
        .trim()
        .split('\n')
        .every((line) => /^[-\w. ]+: /.test(line)),
    ).toBe(true)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(tree(state)).toEqual(before)
  })

  it('an endpoint that nobody answers', async () => {
    const before = tree(place.path('kept'))
    const { code, stderr } = await run(
      embedded({ endpoint: 'http://127.0.0.1:9' }),
      place.path('kept'),
      keys('SOURCE', 'EXAMPLEKEY', 'fake-secret'),
    )
    expect(stderr).toMatch(/^source\.endpoint: http:\/\/127\.0\.0\.1:9 cannot be reached .*; correct the address or check the network$/m)
    expect(code).toBe(2)
    expect(tree(place.path('kept'))).toEqual(before)
  })

  it('wrong credentials, which are not repeated', async () => {
    const request = embedded({ bucket: 'source-bucket', endpoint: foreign.endpoint })
    const before = tree(place.path('kept'))
    const wrong = await run(request, place.path('kept'), keys('SOURCE', foreign.root.accessKeyId, 'fake-secret-of-nobody'))
    expect(wrong.stderr).toMatch(
      /^source\.profile: http:\/\/127\.0\.0\.1:\d+ refuses the credentials .*; check the keys, and this machine's clock$/m,
    )
    expect(wrong.stderr).not.toContain('fake-secret-of-nobody')
    expect(wrong.code).toBe(2)
    expect(tree(place.path('kept'))).toEqual(before)
  })

  it('an environment in which any certificate is taken', async () => {
    const before = tree(place.path('kept'))
    const unchecked = (value: string) => run(embedded({ bucket: 'nowhere' }), place.path('kept'), { NODE_TLS_REJECT_UNAUTHORIZED: value })
    const { code, stdout, stderr } = await unchecked('0')
    expect(stderr).toMatch(/^environment variable NODE_TLS_REJECT_UNAUTHORIZED is 0, .*: unset it/m)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(tree(place.path('kept'))).toEqual(before)
    expect((await unchecked('1')).stderr).toMatch(/^source\.bucket: there is no bucket nowhere/m)
  })

  it("the destination's credentials are never used for the source", async () => {
    const request = embedded({ bucket: 'source-bucket', endpoint: foreign.endpoint })
    const { accessKeyId, secretAccessKey } = foreign.root
    const other = await run(request, place.path('kept'), keys('DESTINATION', accessKeyId, secretAccessKey))
    expect(other.stderr).toMatch(/^source\.profile: no credentials for /m)
    expect(other.code).toBe(2)
  })

  it('--json says it in one document', async () => {
    const { code, stdout, stderr } = await run(embedded({}, { colour: 'blue' }), place.path('kept'), {}, ['--json'])
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' })
    expect(JSON.parse(stdout)).toEqual({ error: { name: 'InvalidRequest', problems: [expect.stringMatching(/^colour: unknown field/)] } })
  })

  it.each([
    [['run'], /missing required argument 'request'/],
    [['run', 'no-such-file.json'], /^REQUEST: no-such-file\.json cannot be read \(ENOENT\); name a JSON file/m],
    [['retry', 'x', '--state', ''], /^--state: is empty; name a folder, or leave it out$/m],
    [['run', '-', '--jsn'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
    [['rum', '-'], /unknown command 'rum'\n\(Did you mean run\?\)/],
  ])('drayage %j', async (args, message) => {
    const { code, stdout, stderr } = await drayage(args, { cwd: place.folder })
    expect(stderr).toMatch(message)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })
})

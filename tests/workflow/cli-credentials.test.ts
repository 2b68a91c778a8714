import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { InvalidRequest } from '@drayage/core'
import { planPut, type PutOptions } from '../../cli/credentials/plan'
import { parseKeys, promptKeys, type KeyInput } from '../../cli/credentials/read-keys'
import { expiryText } from '../../cli/credentials/words'
import { Interrupted } from '../../cli/interrupted'
import { drayage, scratch } from './cli-support'

// One start of the command takes about a second on a busy machine.
const CANARY = 'canary-2c58-not-a-real-secret-key'
const now = new Date('2026-12-01T12:00:00.500Z')
const GOOD: PutOptions = { stage: 'dev', endpoint: 'https://s3.example.com', sourceBucket: 'theirs', destinationBucket: 'ours' }
const planned = (change: Partial<PutOptions> = {}, ca?: string) => planPut('acme', { ...GOOD, ...change }, ca, now)

describe('options of credentials put', () => {
  it('are a plan, with defaults', () => {
    expect(planned()).toEqual({
      problems: [],
      plan: {
        name: 'acme',
        endpoint: 'https://s3.example.com',
        provider: 'other',
        role: undefined,
        use: {
          region: 'us-east-1',
          source: { bucket: 'theirs', prefix: '' },
          destination: { bucket: 'ours', prefix: '' },
          expiresAt: '2026-12-08T12:00:00Z',
        },
        revoke: undefined,
        ca: undefined,
      },
    })
    expect(planned({ endpoint: undefined as never, sourceRegion: 'eu-west-1' }).plan).toMatchObject({
      endpoint: 'https://s3.eu-west-1.amazonaws.com',
      provider: 'aws',
    })
  })

  it.each([
    ['30', '2026-12-31T12:00:00Z'],
    ['2026-12-31T12:00:00Z', '2026-12-31T12:00:00Z'],
    ['2026-12-31T13:00:00+01:00', '2026-12-31T12:00:00Z'],
    ['2026-12-24', '2026-12-24T00:00:00Z'],
  ])('--expires %s is %s', (expires, expected) => {
    expect(planned({ expires }).plan?.use.expiresAt).toBe(expected)
  })

  it.each<[Partial<PutOptions>, RegExp]>([
    [{ expires: '2026-12-31T12:00:01Z' }, /^--expires: is over the cap/],
    [{ expires: '2026-12-24T12:00:00' }, /^--expires: is no time/],
    [{ expires: '2026-13-45' }, /^--expires: is no time/],
    [{ expires: '-3' }, /^--expires: is no time/],
    [{ expires: '2026-12-01T12:00:00Z' }, /^--expires: is not ahead/],
    [{ endpoint: 'http://s3.example.com' }, /^--endpoint: must begin with https/],
    [{ endpoint: 'https://169.254.169.254' }, /^--endpoint: must not be a private/],
    [{ roleArn: 'arn:aws:iam::1:role/x', endpoint: undefined as never }, /^--role-arn: is no ARN/],
    [{ roleArn: 'arn:aws:iam::123456789012:role/x' }, /^--endpoint: a source by --role-arn is Amazon S3/],
    [{ revokeUser: 'u', revokeRole: 'arn:aws:iam::123456789012:role/x' }, /^--revoke-user: only keys of AWS/],
    [{ revokeRole: 'arn:aws:iam::123456789012:role/x', endpoint: undefined as never }, /^--revoke-user: is missing/],
    [{ sourcePrefix: '\ud800' }, /^--source-prefix: holds half of a surrogate/],
    [{ destinationBucket: 'Capital' }, /^--destination-bucket: is no Amazon S3 bucket name/],
    [{ sourceRegion: 'a b' }, /^--source-region: is no region/],
    [{ stage: 'a_stage' }, /^--stage: is no stage/],
  ])('%j is refused by name', (change, words) => {
    const { plan, problems } = planned(change)
    expect(plan).toBeUndefined()
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(words)
  })

  it('--ca only with --endpoint', () => {
    expect(planPut('acme', { ...GOOD, endpoint: undefined as never }, 'text', now).problems).toEqual([
      expect.stringMatching(/^--ca: is only for a store of --endpoint/),
      expect.stringMatching(/^--ca: holds no certificate/),
    ])
  })
})

describe('keys from standard input', () => {
  const word = fc.stringMatching(/^[!-z|}~][!-~]{0,60}$/)

  it('are the same in both forms', () => {
    fc.assert(
      fc.property(word, word, fc.option(word, { nil: undefined }), (accessKeyId, secretAccessKey, sessionToken) => {
        const expected = { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
        expect(parseKeys(` ${JSON.stringify(expected)}\n`)).toEqual({ keys: expected, problems: [] })
        expect(parseKeys(`\uFEFF${Object.values(expected).join('\r\n')}\r\n`)).toEqual({ keys: expected, problems: [] })
      }),
    )
  })

  it('that are not understood are not repeated', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (noise) => {
        for (const text of [`${noise}${CANARY} ${noise}`, `{"accessKeyId":"${CANARY} "}`, `{"${CANARY}":1,${noise}`]) {
          const { keys, problems } = parseKeys(text)
          expect(keys).toBeUndefined()
          expect(problems).toHaveLength(1)
          expect(problems[0]).toMatch(/^standard input: /)
          expect(problems[0]).not.toContain(CANARY)
        }
      }),
    )
  })
})

describe('keys from a prompt', () => {
  const terminal = () => {
    const input = new PassThrough() as PassThrough & KeyInput
    const modes: boolean[] = []
    input.setRawMode = (mode) => modes.push(mode)
    const output = new PassThrough()
    let shown = ''
    output.on('data', (chunk: Buffer) => (shown += chunk.toString()))
    return { input, output, modes, shown: () => shown }
  }

  it('are asked for one by one, and nothing of them is shown', async () => {
    const { input, output, modes, shown } = terminal()
    const asked = promptKeys(input, output)
    input.write('FAKEKEY\r')
    input.write(`${CANARY}x\u007f\r`)
    input.write('\r')
    expect(await asked).toEqual({ accessKeyId: 'FAKEKEY', secretAccessKey: CANARY })
    expect(shown()).toBe('Access key id (not shown): \nSecret access key (not shown): \nSession token (not shown, Enter for none): \n')
    expect(modes).toEqual([true, false, true, false, true, false])
  })

  it('may be pasted all at once', async () => {
    const { input, output } = terminal()
    const asked = promptKeys(input, output)
    input.write(`FAKEKEY\n${CANARY}\nfake-token\n`)
    expect(await asked).toEqual({ accessKeyId: 'FAKEKEY', secretAccessKey: CANARY, sessionToken: 'fake-token' })
  })

  it('are refused without being repeated', async () => {
    const { input, output } = terminal()
    const asked = promptKeys(input, output)
    input.write(`FAKE KEY ${CANARY}\n\n\n`)
    const error = (await asked.catch((refusal: unknown) => refusal)) as Error
    expect(error).toBeInstanceOf(InvalidRequest)
    expect(error.message).not.toContain(CANARY)
  })

  it.each(['\u0003', '\u0004'])('end with %j, and the terminal is as before', async (key) => {
    const { input, output, modes } = terminal()
    const asked = promptKeys(input, output)
    input.write(`FAKE${key}`)
    await expect(asked).rejects.toThrow(Interrupted)
    expect(modes).toEqual([true, false])
  })
})

test.each([
  ['2026-12-01T11:00:00Z', 'expired 2026-12-01T11:00:00Z'],
  ['2026-12-02T13:00:00Z', '2026-12-02T13:00:00Z (in 24 hours)'],
  ['2026-12-08T12:00:01Z', '2026-12-08T12:00:01Z (in 7 days)'],
  ['never', 'unknown'],
])('an expiry of %s is shown as %s', (expiresAt, expected) => {
  expect(expiryText(expiresAt, now)).toBe(expected)
})

describe('the command', () => {
  const place = scratch()
  afterAll(place.remove)

  it('credentials put --help says how keys come in', async () => {
    const { code, stdout } = await drayage(['credentials', 'put', '--help'], { cwd: place.folder })
    expect(code).toBe(0)
    expect(stdout).toMatch(/never arguments and never in the environment/)
  })

  it.each([
    [['credentials', 'put'], /missing required argument 'name'/],
    [['credentials', 'put', 'a', CANARY], /too many arguments/],
    [['credentials', 'drop', 'a'], /unknown command 'drop'/],
  ])('%j', async (args, words) => {
    const { code, stderr } = await drayage(args, { cwd: place.folder })
    expect(code).toBe(2)
    expect(stderr).toMatch(words)
    expect(stderr).not.toContain(CANARY)
  })
})

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { jest } from '@jest/globals'
import fc from 'fast-check'
import { AccessDenied, lambda, learning, logTo, SourceListingBroken, type Log, type Services } from '@drayage/core'
import { openLog } from '../../cli/local/logger'
import { hashedKey, hashKeys, namedKey } from '../../layers/core/domain/keys'
import { hostHash } from '../../layers/core/domain/host-hash'
import { learnCredentials, withhold } from '../../layers/core/handler/known-values'
import { bareError, fitText } from '../../layers/core/handler/words'
import { World } from './harness'

const written = (keys: 'full' | 'hash' = 'full'): { log: Log; lines: string[]; items: () => Record<string, unknown>[] } => {
  const lines: string[] = []
  const log = logTo((line) => void lines.push(line), { keys, now: () => new Date('2026-01-02T03:04:05Z') })
  return { log, lines, items: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

/** What a careless caller hands over, past the types. */
const careless = (fields: object): object => fields

describe('the fields of a line', () => {
  test('those of the list, and no others: what is dropped is counted', () => {
    const { log, items } = written()
    const more = { error: 'E', detail: 'words', objects: 3, password: 'canary', $response: { headers: { authorization: 'canary' } } }
    log.with({ function: 'f', request: 'r', run: 'run', shard: 'batches/1' }).error('it failed', careless(more))
    expect(items()).toEqual([
      {
        level: 'ERROR',
        time: '2026-01-02T03:04:05.000Z',
        message: 'it failed',
        service: 'drayage',
        function: 'f',
        request: 'r',
        run: 'run',
        shard: 'batches/1',
        error: 'E',
        detail: 'words',
        objects: 3,
        dropped: 2,
      },
    ])
    log.info('all is well', { run: 'run' })
    expect(items()[1]).not.toHaveProperty('dropped')
  })

  test.each([
    ['an SDK error', { error: Object.assign(new Error('x'), { $response: { headers: { authorization: 'canary' } } }) }],
    ['an object', { detail: { secret: 'canary' } }],
    ['a list', { run: ['canary'] }],
    ['a counter that is no number', { objects: 'canary' }],
    ['a counter that is not finite', { objects: NaN }],
    ['a field of the line itself', { level: 'canary', time: 'canary', message: 'canary', service: 'canary' }],
    ['a name of every object', JSON.parse('{"__proto__": "canary", "constructor": "canary", "toString": "canary"}') as object],
  ])('%s under a known name or none is dropped', (_name, fields) => {
    const { log, lines, items } = written()
    log.info('hello', careless(fields))
    expect(lines[0]).not.toContain('canary')
    expect(items()[0]).toMatchObject({ level: 'INFO', message: 'hello', service: 'drayage', dropped: Object.keys(fields).length })
  })

  test('long texts are cut, and say so', () => {
    const { log, lines, items } = written()
    log.with({ run: 'x'.repeat(1e6) }).warn('m'.repeat(1e6), { detail: 'd'.repeat(1e6), error: 'e'.repeat(1e6) })
    expect(lines[0]!.length).toBeLessThan(4000)
    expect(items()[0]!['detail']).toMatch(/^d{2000}… \(998000 characters more\)$/)
  })
})

describe('one line', () => {
  test.each([
    ['a line break', 'a\r\nERROR fake'],
    ['an escape sequence', 'a\u001b[2Jb\u009b31m'],
    ['line separators of Unicode', 'a\u2028b\u2029c\u0085d'],
    ['turned writing', 'a\u202eb\u2066c'],
  ])('%s is printed and not obeyed', (_name, text) => {
    const { log, lines, items } = written()
    log.error(text, { detail: text, error: text, run: text })
    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066]/)
    for (const name of ['message', 'detail', 'error', 'run']) expect(items()[0]![name]).toMatch(/^a\\u/)
  })

  test('whatever text it is given, a line is one line of JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (one, other) => {
        const { log, lines, items } = written()
        log.error(one, { detail: other, run: one })
        expect(lines[0]).not.toMatch(/[\r\n\u0085\u2028\u2029\u001b]/)
        expect(items()).toHaveLength(1)
      }),
    )
  })
})

describe('keys in messages', () => {
  const key = Buffer.from('patients/Müller "the\\first"\n2024.pdf')

  test('are found and hashed, in the log and in what leaves a function', () => {
    const error = new SourceListingBroken(`list acme: ${namedKey(key)} comes after ${namedKey(Buffer.from('b'))}: repeated`)
    const expected = `list acme: key #${hashedKey(key)} comes after key #${hashedKey(Buffer.from('b'))}: repeated`
    const { log, items } = written('hash')
    log.error('the call failed', { detail: error.message })
    expect(items()[0]!['detail']).toBe(expected)
    expect(bareError(error, 'hash').message).toBe(expected)
    expect(bareError(error, 'hash').stack).not.toContain('Müller')
  })

  test('control: with keys in full they stand there', () => {
    const { log, lines } = written('full')
    log.error('the call failed', { detail: `read acme ${namedKey(key)}: 503` })
    expect(lines[0]).toContain('Müller')
  })

  test('nothing of any key is left, whatever it holds and wherever the text is cut', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((array) => Buffer.from(array))
    const texts = fc
      .string({ unit: fc.constantFrom('"', '\\', 'key "', 'k', '\n', 'é', ' ', '#'), minLength: 1 })
      .map((text) => Buffer.from(text))
    fc.assert(
      fc.property(fc.oneof(bytes, texts), fc.oneof(bytes, texts), fc.nat(), (one, other, at) => {
        const text = `read bucket ${namedKey(one)}: after ${namedKey(other)}: 500`
        expect(hashKeys(text)).toBe(`read bucket key #${hashedKey(one)}: after key #${hashedKey(other)}: 500`)
        const cut = text.slice(0, at % text.length)
        expect(hashKeys(cut)).toMatch(/^r?e?a?d? ?b?u?c?k?e?t? ?k?e?y?( base64)? ?(#[0-9a-f]{16}|#unreadable)?/)
        expect(hashKeys(cut)).not.toContain('"')
      }),
      { numRuns: 1000 },
    )
  })

  test('a long text without an end takes no longer for it', () => {
    expect(hashKeys(`key "${'\\'.repeat(1_000_001)}`)).toMatch(/^key #/)
    expect(hashKeys('key "a'.repeat(100_000))).not.toContain('"a')
  })

  test('words of errors that are not ours are left out where keys are hashed: nobody knows what they hold', () => {
    const foreign = new TypeError('cannot read properties of patients/Müller.pdf')
    expect(bareError(foreign, 'hash')).toMatchObject({ name: 'TypeError', message: expect.stringMatching(/not ours/) })
    expect(bareError(foreign, 'hash').stack).toMatch(/ at .*log\.test/)
    expect(bareError(foreign, 'hash').stack).not.toContain('Müller')
    expect(bareError(foreign, 'full').message).toContain('Müller')
  })

  test('no message of the layer holds a key in another form', () => {
    const files = (readdirSync('layers/core', { recursive: true }) as string[]).filter((name) => name.endsWith('.ts'))
    const printing = files.filter((name) => /(?<!const )\bprintableKey\(/.test(readFileSync(`layers/core/${name}`, 'utf8')))
    // The rows of the report and of the run's lists, which hold keys because that is what they are for.
    expect(printing.sort()).toEqual(['domain/run-rows.ts'])
  })
})

describe('what a process has read of credentials', () => {
  const secret = 'canary/2b7e+151628aed2a6abf7158809cf4f3c'
  const id = 'CANARYKEY7158809CF4F'
  const token = 'canary-token-///+++==="\\'

  beforeAll(async () => {
    const reach = learning({
      endpoint: 'https://store.canary-host.example:8443/base',
      region: 'r',
      credentials: async () => ({ accessKeyId: id, secretAccessKey: secret, sessionToken: token }),
    })
    await reach.credentials()
  })

  const forms = (value: string): string[] => [
    value,
    encodeURIComponent(value),
    Buffer.from(value).toString('base64'),
    Buffer.from(value).toString('base64url'),
    Buffer.from(value).toString('hex'),
  ]

  test.each([
    ['secret key', secret],
    ['access key id', id],
    ['session token', token],
  ])('the %s is replaced in every form, and the line says so', (_name, value) => {
    for (const form of forms(value)) {
      const { log, lines, items } = written()
      log.error(`a ${form} b`, { detail: `Authorization: ${form}`, run: form })
      expect(lines[0]).not.toContain(form)
      expect(items()[0]).toMatchObject({ withheld: 3, message: expect.stringContaining('[credential]') })
      expect(bareError(new AccessDenied(form), 'full').message).not.toContain(form)
      expect(bareError(new AccessDenied(form), 'full').stack).not.toContain(form)
    }
  })

  test('the host is replaced by its hash', () => {
    const { log, lines } = written()
    log.error('no connection to bucket.store.canary-host.example:8443')
    expect(lines[0]).toContain(`no connection to bucket.${hostHash('store.canary-host.example')}:8443`)
    expect(lines[0]).not.toContain('withheld')
  })

  test('control: what was never read is not known', () => {
    expect(fitText('an-unknown-secret-value', 'full', 100)).toEqual({ text: 'an-unknown-secret-value', credentials: 0 })
  })

  test('the oldest are forgotten, so that a warm function does not grow', () => {
    for (let nth = 0; nth < 200; nth++) learnCredentials({ sessionToken: `token-number-${nth}-` })
    expect(withhold('token-number-199-').text).toBe('[credential]')
    expect(withhold('token-number-1-').text).toBe('token-number-1-')
  })
})

describe('what leaves a function', () => {
  const context = { functionName: 'f', awsRequestId: 'r', getRemainingTimeInMillis: () => 900_000 }
  const secret = 'canary-of-a-leaving-error'
  const key = Buffer.from('patients/leaving.pdf')

  const leaves = async (thrown: Error, runtime: Services['runtime']): Promise<{ error: Error; log: string[] }> => {
    const world = new World()
    const failing = lambda(
      async () => {
        throw thrown
      },
      {},
      () => ({ ...world.services, runtime }),
    )
    return failing({ migration: { runId: 'run' } }, context).then(
      () => Promise.reject(new Error('nothing was thrown')),
      (error: Error) => ({ error, log: world.log }),
    )
  }

  test('on AWS no key goes into the history, and the log has it; on one machine it may', async () => {
    const thrown = new AccessDenied(`put acme ${namedKey(key)}: 403`)
    const deployed = await leaves(thrown, 'aws')
    expect(deployed.error).toMatchObject({ name: 'AccessDenied', message: `put acme key #${hashedKey(key)}: 403` })
    expect(inspect(deployed.error, { showHidden: true })).not.toContain('patients')
    expect(deployed.log[0]).toContain('patients')
    expect((await leaves(thrown, 'local')).error.message).toContain('patients')
  })

  test('a known credential leaves neither in words nor in the stack, and the log says that one was there', async () => {
    learnCredentials({ secretAccessKey: secret })
    const thrown = Object.assign(new AccessDenied(`GET with ${secret}`, { cause: secret }), { $response: { authorization: secret } })
    const { error, log } = await leaves(thrown, 'local')
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(secret)
    expect(JSON.parse(log[0]!)).toMatchObject({ error: 'AccessDenied', detail: 'GET with [credential]', withheld: 1 })
    expect(inspect(thrown, { depth: 9 })).toContain(secret)
  })

  test('a name that is no name does not go out as one', async () => {
    const { error } = await leaves(Object.assign(new Error('x'), { name: 'Evil\r\nERROR fake' }), 'aws')
    expect(error.name).toBe('UnknownError')
  })

  test('a function whose services cannot be made fails with ours words and no key', async () => {
    const failing = lambda(
      async () => ({}),
      {},
      () => {
        throw new AccessDenied(`no ${namedKey(key)}`)
      },
    )
    await expect(failing({}, context)).rejects.toMatchObject({ name: 'AccessDenied', message: `no key #${hashedKey(key)}` })
  })
})

test('a line that cannot be written fails no call: it is said on standard error with the reason', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drayage-log-'))
  const said: string[] = []
  const heard = jest.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0)
  try {
    const { logger, close } = openLog(join(folder, 'log'))
    logger.info('written')
    expect(said).toEqual([])
    close()
    logger.info('lost', { run: 'r' })
    expect(said).toEqual([expect.stringMatching(/^the log .*log lacks a line \(EBADF: .*\): \{.*"message":"lost",.*\}\n$/)])
    expect(readFileSync(join(folder, 'log'), 'utf8').trimEnd().split('\n')).toEqual([expect.stringContaining('"message":"written"')])
  } finally {
    heard.mockRestore()
    rmSync(folder, { recursive: true })
  }
})

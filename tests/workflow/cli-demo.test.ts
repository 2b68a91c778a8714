import { setMaxListeners } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { awkwardObjects } from '../../cli/demo/awkward-keys'
import { fillSource } from '../../cli/demo/corpus'
import { terminalText } from '../../cli/terminal-text'
import { inState, scratch } from './cli-support'

const place = scratch()
afterAll(place.remove)

const texts = awkwardObjects().map(({ key }) => key.toString('utf8'))

describe("the demo's awkward keys", () => {
  it.each<[string, (key: string) => boolean]>([
    ['a//b', (key) => key === 'a//b'],
    ['a leading /', (key) => key.startsWith('/')],
    ['../x', (key) => key === '../x'],
    ['.', (key) => key === '.'],
    ['+', (key) => key.includes('+')],
    ['%2F', (key) => key.includes('%2F')],
    ['a leading space', (key) => key.startsWith(' ')],
    ['a trailing space', (key) => key.endsWith(' ')],
    ['a newline', (key) => key.includes('\n')],
    ['control characters', (key) => key.includes('\u0001') && key.includes('\u001f')],
    ['an emoji', (key) => /\p{Emoji_Presentation}/u.test(key)],
    ['é composed', (key) => key === 'caf\u00e9'],
    ['é decomposed', (key) => key === 'cafe\u0301'],
    ['1,024 bytes', (key) => Buffer.byteLength(key) === 1024],
    ['__proto__', (key) => key === '__proto__'],
    ['markup', (key) => key === '<&>"\''],
    ['the last of the basic plane', (key) => key.endsWith('\ue000')],
    ['the first beyond it', (key) => key.endsWith('\u{10000}')],
  ])('there is %s', (_what, is) => expect(texts.filter(is).length).toBeGreaterThan(0))

  it('a zero-byte marker stands beside an object of its name', () => {
    const bodies = new Map(awkwardObjects().map(({ key, body }) => [key.toString('utf8'), body]))
    expect(bodies.get('marker/')).toHaveLength(0)
    expect(bodies.get('marker')!.length).toBeGreaterThan(0)
  })

  it('no two keys or bodies are the same, and all can be held by Amazon S3', () => {
    const objects = awkwardObjects()
    expect(new Set(objects.map(({ key }) => key.toString('hex'))).size).toBe(objects.length)
    expect(new Set(objects.map(({ body }) => body.toString('hex'))).size).toBe(objects.length)
    expect(objects.every(({ key }) => key.length >= 1 && key.length <= 1024)).toBe(true)
    expect(objects.length).toBeGreaterThan(20)
  })
})

describe("the demo's source bucket", () => {
  it('holds the regular files as they are, the awkward keys and a large object; filling it again writes what is missing', async () => {
    const files = place.path('files')
    mkdirSync(join(files, 'deep', 'er'), { recursive: true })
    for (const [name, body] of [
      ['b.js', 'one'],
      ['deep/er/a.json', '{}'],
      ['deep/unknown.xyz', ''],
    ] as const)
      writeFileSync(join(files, name), body)
    symlinkSync('b.js', join(files, 'linked.js'))
    const { signal } = new AbortController()
    setMaxListeners(0, signal)

    await inState(place.path('state'), async (open) => {
      const source = await open('source')
      const expected = 3 + awkwardObjects().length + 1
      expect(await fillSource(source, files, signal)).toMatchObject({ objects: expected, written: expected })
      expect(await source.stat(Buffer.from('node_modules/deep/er/a.json'))).toMatchObject({
        size: 2,
        headers: { contentType: 'application/json' },
      })
      expect(await source.stat(Buffer.from('node_modules/b.js'))).toMatchObject({ size: 3, headers: { contentType: 'text/javascript' } })
      expect(await source.stat(Buffer.from('node_modules/linked.js'))).toBeUndefined()
      expect(await source.stat(Buffer.from('large/forty-mebibytes.bin'))).toMatchObject({ size: 40 * 1024 * 1024 })

      writeFileSync(join(files, 'b.js'), 'longer')
      expect(await fillSource(source, files, signal)).toMatchObject({ objects: expected, written: 1 })
      expect(await source.stat(Buffer.from('node_modules/b.js'))).toMatchObject({ size: 6 })
    })
  })
})

describe('text from elsewhere on a terminal', () => {
  it('neither steers it nor turns its direction', () => {
    expect(terminalText('a\u001b[2Jb\u009b31mc\r\nd\u202ee\u2066f\u007f')).toBe(
      'a\\u001b[2Jb\\u009b31mc\\u000d\\u000ad\\u202ee\\u2066f\\u007f',
    )
    expect(terminalText('café 日本 😀')).toBe('café 日本 😀')
  })
})

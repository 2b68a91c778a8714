import { jsonFault, repeatedName } from '../../cli/json-position'
import { shellWord } from '../../cli/shell-word'
import { bytesText, counted, durationText } from '../../cli/units'

describe('numbers as people read them', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [999_940, '999.9 kB'],
    [999_999, '1.0 MB'],
    [150_000_000, '150.0 MB'],
    [5e15, '5.0 PB'],
  ])('%d bytes', (bytes, text) => expect(bytesText(bytes)).toBe(text))

  it.each([
    [0, '0 objects'],
    [1, '1 object'],
    [2, '2 objects'],
    [1001, '1,001 objects'],
  ])('%d objects', (value, text) => expect(counted(value, 'object')).toBe(text))

  it('a plural of its own', () => {
    expect(counted(1, 'entry', 'entries')).toBe('1 entry')
    expect(counted(0, 'entry', 'entries')).toBe('0 entries')
  })

  it.each([
    [-1, '0:00'],
    [59_499, '0:59'],
    [59_500, '1:00'],
    [3_599_000, '59:59'],
    [3_600_000, '1:00:00'],
  ])('%d ms', (ms, text) => expect(durationText(ms)).toBe(text))
})

describe('where a text stops being JSON', () => {
  it.each([
    ['', 1, 1],
    ['{"a": }', 1, 7],
    ['{\n  "a": 1,\n}', 3, 1],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3],
    ['{a: 1}', 1, 2],
    ["{'a': 1}", 1, 2],
    ['[1, 2', 1, 6],
    ['{"a": "un\nclosed"}', 1, 7],
    ['{"a": 01}', 1, 8],
    ['{"a": 1} x', 1, 10],
    ['[1,]', 1, 4],
    ['{"a": nul}', 1, 7],
    ['[}', 1, 2],
    ['{"a" 1}', 1, 6],
  ])('%j', (text, line, column) => {
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError)
    expect(jsonFault(text)).toEqual({ line, column })
  })
})

describe('a name that stands twice in one object', () => {
  it.each([
    ['{"a": 1, "a": 2}', 'a', 1, 10],
    ['{"a": {"b": [1, {"c": "a"}]},\n  "a" : 2}', 'a', 2, 3],
    ['{"a": {"b": 1,\n"b": 1}, "b": 2}', 'b', 2, 1],
    ['{"a": 1, "\\u0061": 2}', 'a', 1, 10],
    ['[{"a": 1}, {"x\\"": 1, "x\\"": 2}]', 'x"', 1, 23],
  ])('%j', (text, name, line, column) => {
    expect(() => JSON.parse(text) as unknown).not.toThrow()
    expect(repeatedName(text)).toEqual({ name, line, column })
  })

  it.each(['{}', '"a"', '[]', ' {"a": {"a": {"a": "a"}}, "b": ["a", "a", {"a": 1}, {"a": 1}]} ', '{"": 1, " ": 2}'])(
    'none in %j',
    (text) => {
      expect(repeatedName(text)).toBeUndefined()
    },
  )
})

describe('a word for a shell', () => {
  it.each([
    ['.drayage', '.drayage'],
    ['/tmp/a-b_c/d.e', '/tmp/a-b_c/d.e'],
    ['my state', "'my state'"],
    ["it's", `'it'"'"'s'`],
    ['$HOME;x', "'$HOME;x'"],
    ['', "''"],
  ])('%j', (text, word) => expect(shellWord(text)).toBe(word))
})

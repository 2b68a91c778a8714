import fc from 'fast-check'
import { keyListForm, keyOfLine, type KeyListForm } from '../../layers/core/domain/key-list'
import { keyToJson } from '../../layers/core/domain/keys'
import { anyKey, utf8Key } from './arbitraries'

const NO_PREFIX = Buffer.alloc(0)
const of = (line: string | Buffer, form: KeyListForm, { first = false, prefix = '' } = {}) =>
  keyOfLine(typeof line === 'string' ? Buffer.from(line) : line, form, first, Buffer.from(prefix))

test('every key comes back from its JSON line, and every key without a line end from its own', () => {
  fc.assert(
    fc.property(fc.oneof(utf8Key, anyKey), (key) => {
      expect(keyOfLine(Buffer.from(JSON.stringify(keyToJson(key))), 'jsonl', true, NO_PREFIX)).toEqual(key)
      if (key.at(-1) !== 0x0d) expect(keyOfLine(key, 'txt', false, NO_PREFIX)).toEqual(key)
    }),
  )
})

test.each<[string, string | Buffer, KeyListForm, object, RegExp]>([
  ['an empty line', '', 'txt', {}, /^is empty; leave it out$/],
  ['an empty line', '', 'jsonl', {}, /^is empty; leave it out$/],
  ['a carriage return', 'a\r', 'txt', {}, /^ends in a carriage return; .*\.jsonl list$/],
  ['a key that is too long', 'a'.repeat(1025), 'txt', {}, /^names a key of 1025 bytes; no key is longer than 1024$/],
  ['a key that is too long', JSON.stringify('é'.repeat(513)), 'jsonl', {}, /^names a key of 1026 bytes/],
  ['a byte order mark', '\ufeffa', 'txt', { first: true }, /^begins with a byte order mark or a NUL; save the list as UTF-8/],
  ['a byte order mark', '\ufeff"a"', 'jsonl', { first: true }, /^begins with a byte order mark/],
  ['UTF-16', Buffer.from('\ufeffa', 'utf16le'), 'txt', { first: true }, /^begins with a byte order mark/],
  ['a NUL at the beginning', '\0a', 'txt', { first: true }, /^begins with a byte order mark or a NUL/],
  ['a key beside the prefix', 'b/a', 'txt', { prefix: 'a/' }, /^names a key that does not begin with source\.prefix/],
  ['no JSON', 'a', 'jsonl', {}, /^is no JSON key; write a string, or/],
  ['a number', '5', 'jsonl', {}, /^is no JSON key/],
  ['null', 'null', 'jsonl', {}, /^is no JSON key/],
  ['an object with more', '{"base64":"YQ==","x":1}', 'jsonl', {}, /^is no JSON key/],
  ['base64 that is none', '{"base64":"Y!Q=="}', 'jsonl', {}, /^is no JSON key/],
  ['half of a surrogate pair', '"\\ud800"', 'jsonl', {}, /^is no JSON key/],
  ['an empty key', '""', 'jsonl', {}, /^names an empty key/],
  ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'jsonl', {}, /^is not UTF-8; write such a key as/],
])('refused: %s (%j, %s)', (_name, line, form, options, problem) => {
  expect(of(line, form, options)).toMatch(problem)
})

test.each<[string, string, KeyListForm, object, string]>([
  ['spaces', ' a ', 'txt', {}, ' a '],
  ['quotes', '"a"', 'txt', {}, '"a"'],
  ['a mark that is not at the beginning', '\ufeffa', 'txt', {}, '\ufeffa'],
  ['a NUL that is not at the beginning', 'a\0', 'txt', { first: true }, 'a\0'],
  ['1,024 bytes', 'a'.repeat(1024), 'txt', {}, 'a'.repeat(1024)],
  ['the prefix itself', 'a/', 'txt', { prefix: 'a/' }, 'a/'],
  ['a line feed', '"a\\nb"', 'jsonl', {}, 'a\nb'],
  ['a carriage return', '"a\\r"', 'jsonl', {}, 'a\r'],
])('taken as it is: %s', (_name, line, form, options, key) => {
  expect(of(line, form, options)).toEqual(Buffer.from(key))
})

test('a list is known by its name', () => {
  expect(['a.txt', 'a.jsonl', 'a.csv', 'txt'].map(keyListForm)).toEqual(['txt', 'jsonl', undefined, undefined])
})

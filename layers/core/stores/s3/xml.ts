import { XMLParser } from 'fast-xml-parser'

/** What the parser makes of a document: text as strings, repeated elements as arrays, others as objects. */
export type XmlNode = { [name: string]: XmlValue }
export type XmlValue = string | XmlNode | XmlValue[] | undefined

const REPEATED = new Set(['Contents', 'CommonPrefixes', 'Version', 'DeleteMarker', 'Tag'])

/**
 * Values stay as written: no numbers, no trimming, no entities (`textBytes` resolves them, to bytes). CDATA gets a name of its
 * own so that it cannot pass for text.
 */
const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  cdataPropName: '#cdata',
  isArray: (name) => REPEATED.has(name),
})

/** A raw carriage return would be read as a line feed (XML 1.0, 2.11): stores that do not escape it in a key mean what they write. */
const keepReturns = (text: string): string =>
  text.includes('\r') ? text.replace(/>([^<]*[^<\s][^<]*)</g, (all) => all.replaceAll('\r', '&#13;')) : text

/**
 * The root element of that name, or undefined if the body is anything else: empty, HTML, cut off, or with a DOCTYPE or ENTITY,
 * which can make text vanish. Bytes are read as latin1, so that nothing is lost where they are not UTF-8.
 */
export const parseRoot = (body: Buffer, root: string): XmlNode | undefined => {
  const text = body.toString('latin1')
  if (/<!(DOCTYPE|ENTITY)/i.test(text) || !text.trimEnd().endsWith(`</${root}>`)) return undefined
  let parsed: XmlNode
  try {
    parsed = parser.parse(keepReturns(text)) as XmlNode
  } catch {
    return undefined
  }
  const node = parsed[root]
  return typeof node === 'object' && !Array.isArray(node) ? node : undefined
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

const isCharacter = (code: number): boolean => code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)

/** The bytes of a text: latin1 characters are bytes, a character reference is its UTF-8. Undefined for a reference that is none. */
export const textBytes = (raw: string): Buffer | undefined => {
  if (!raw.includes('&')) return Buffer.from(raw, 'latin1')
  let whole = true
  const text = raw.replace(/&([^;&]{0,12});?/g, (all, body: string) => {
    const named = Object.hasOwn(NAMED, body) ? NAMED[body] : undefined
    const digits = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(body)
    const code = digits === null ? 0 : Number.parseInt(digits[1] ?? (digits[2] as string), digits[1] === undefined ? 10 : 16)
    if (!all.endsWith(';') || (named === undefined && !isCharacter(code))) {
      whole = false
      return all
    }
    return named ?? Buffer.from(String.fromCodePoint(code), 'utf8').toString('latin1')
  })
  return whole ? Buffer.from(text, 'latin1') : undefined
}

/** An element that is plain text, resolved; undefined if it is missing or anything else. */
export const textOf = (node: XmlNode, name: string): Buffer | undefined => {
  const value = node[name]
  return typeof value === 'string' ? textBytes(value) : undefined
}

import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { S3Error } from './errors'

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Control characters become numeric references, as Amazon S3 writes them although XML 1.0 has none: a bare CR or LF would be normalised away. */
export const escapeXml = (text: string): string =>
  /[&<>"\x00-\x1f\x7f\ufffe\uffff]/.test(text)
    ? text.replace(/[&<>"\x00-\x1f\x7f\ufffe\uffff]/g, (character) => ENTITIES[character] ?? `&#x${character.charCodeAt(0).toString(16)};`)
    : text

/** One element; undefined and '' alike leave nothing out: S3 sends `<Prefix></Prefix>`, and omits what it does not know. */
export const element = (name: string, value: string | number | boolean | undefined): string =>
  value === undefined ? '' : `<${name}>${escapeXml(String(value))}</${name}>`

export const document = (root: string, inner: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</${root}>`

const parser = new XMLParser({
  trimValues: false,
  parseTagValue: false,
  processEntities: false,
  ignoreAttributes: true,
  isArray: () => true,
})

const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

const unescapeXml = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-z]+));/g, (whole, hex?: string, decimal?: string, name?: string) => {
      const code = hex !== undefined ? Number.parseInt(hex, 16) : decimal !== undefined ? Number(decimal) : undefined
      const character = code === undefined ? NAMED[name ?? ''] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined
      if (character === undefined) throw new S3Error('MalformedXML', `Unknown entity ${whole}`)
      return character
    })

/** An element of a request's XML. */
export class XmlElement {
  constructor(private readonly node: unknown) {}

  children(name: string): XmlElement[] {
    const found =
      typeof this.node === 'object' && this.node !== null && Object.hasOwn(this.node, name)
        ? (this.node as Record<string, unknown>)[name]
        : []
    return (Array.isArray(found) ? found : [found]).map((node) => new XmlElement(node))
  }

  /** The text of the child element, or undefined when there is none. */
  text(name: string): string | undefined {
    const child = this.children(name)[0]
    if (child === undefined) return undefined
    const node = child.node
    const text = typeof node === 'object' && node !== null ? (node as Record<string, unknown>)['#text'] : node
    return unescapeXml(Array.isArray(text) ? text.join('') : String(text ?? ''))
  }
}

/** Parses a request's XML. Throws MalformedXML, also when the root is another element; a DOCTYPE is refused. */
export const parseXml = (body: Buffer, root: string): XmlElement => {
  const text = body.toString('utf8')
  if (text.includes('<!DOCTYPE') || XMLValidator.validate(text) !== true) throw new S3Error('MalformedXML')
  const [found] = new XmlElement(parser.parse(text)).children(root)
  if (found === undefined) throw new S3Error('MalformedXML')
  return found
}

/** One way in which a canary may stand in a file: a name for the report, and its bytes. */
export interface Form {
  name: string
  bytes: Buffer
}

/**
 * What of a text's base64 is the same whatever stands around it: the text begins at byte `offset` of a group of three, and the
 * characters that also hold bits of its neighbours are left off.
 */
const base64At = (text: Buffer, offset: number, alphabet: 'base64' | 'base64url'): string => {
  const whole = Buffer.concat([Buffer.alloc(offset), text]).toString(alphabet)
  return whole.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + text.length) * 8) / 6))
}

const everyByte = (bytes: Buffer, write: (byte: number) => string): string => [...bytes].map(write).join('')

const hex = (byte: number): string => byte.toString(16).padStart(2, '0')

/** Every form in which a canary is looked for. Forms that are the same bytes for this canary are given once. */
export const formsOf = (canary: string): Form[] => {
  const bytes = Buffer.from(canary, 'utf8')
  const utf16 = Buffer.from(canary, 'utf16le')
  const texts: [name: string, text: string][] = [
    ['raw', canary],
    ...([0, 1, 2] as const).flatMap((offset): [string, string][] => [
      [`base64 at ${offset}`, base64At(bytes, offset, 'base64')],
      [`base64url at ${offset}`, base64At(bytes, offset, 'base64url')],
    ]),
    ['URL-encoded', encodeURIComponent(canary)],
    ['URL-encoded in small letters', encodeURIComponent(canary).replace(/%../g, (code) => code.toLowerCase())],
    ['URL-encoded, every byte', everyByte(bytes, (byte) => `%${hex(byte).toUpperCase()}`)],
    ['hex', bytes.toString('hex')],
    ['HEX', bytes.toString('hex').toUpperCase()],
    ['JSON', JSON.stringify(canary).slice(1, -1)],
    ['JSON with escaped slashes', JSON.stringify(canary).slice(1, -1).replaceAll('/', '\\/')],
    ['JSON, every character', [...canary].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')],
  ]
  const forms = texts.map(([name, text]): Form => ({ name, bytes: Buffer.from(text, 'utf8') }))
  forms.push({ name: 'UTF-16, little end first', bytes: utf16 }, { name: 'UTF-16, big end first', bytes: Buffer.from(utf16).swap16() })
  return forms.filter(({ bytes: own }, index) => forms.findIndex(({ bytes: other }) => other.equals(own)) === index)
}

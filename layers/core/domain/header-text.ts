import type { ObjectHeaders } from './object-store'

const SYSTEM = {
  contentType: 'content-type',
  contentEncoding: 'content-encoding',
  contentLanguage: 'content-language',
  contentDisposition: 'content-disposition',
  cacheControl: 'cache-control',
  expires: 'expires',
} as const satisfies Record<Exclude<keyof ObjectHeaders, 'metadata'>, string>

/** The system headers that a copy carries, with their names on the wire. */
export const SYSTEM_HEADERS = Object.entries(SYSTEM) as [keyof typeof SYSTEM, string][]

/** RFC 9110, section 5.6.2: a field name is a token. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** RFC 9110, section 5.5: visible characters, spaces, tabs and (as they come from other stores) bytes above 0x7F, one character a byte. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Whether a header can have this name and hold this value, a latin1 string, without being altered. */
export const canBeHeader = (name: string, value: string): boolean => NAME.test(name) && VALUE.test(value)

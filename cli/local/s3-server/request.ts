import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { legalKey, percentDecode, type ByteString } from './byte-strings'
import { S3Error } from './errors'

export interface S3Request {
  message: IncomingMessage
  method: string
  headers: IncomingHttpHeaders
  /** decoded, from the leading `/` on; what SigV4 signs */
  path: ByteString
  /** '' for the service itself */
  bucket: string
  /** '' for the bucket itself */
  key: ByteString
  query: [name: string, value: ByteString][]
}

export interface Reply {
  status: number
  headers?: Record<string, string | number>
  /** a stream is read to its end or destroyed by the server */
  body?: string | Buffer | Readable
  /** answered in S3's error XML, with the headers given here */
  error?: S3Error
}

/** The raw request target: `new URL` would normalise `..`, `//` and more. Throws InvalidURI, InvalidBucketName, KeyTooLongError. */
export const parseRequest = (message: IncomingMessage): S3Request => {
  const target = message.url ?? ''
  if (!target.startsWith('/')) throw new S3Error('InvalidURI')
  const mark = target.indexOf('?')
  const raw = mark < 0 ? target : target.slice(0, mark)
  const slash = raw.indexOf('/', 1)
  const bucket = percentDecode(slash < 0 ? raw.slice(1) : raw.slice(1, slash))
  const key = slash < 0 ? '' : legalKey(percentDecode(raw.slice(slash + 1)))
  if (bucket === '' && key !== '') throw new S3Error('InvalidBucketName')
  const query = (mark < 0 ? '' : target.slice(mark + 1)).split('&').filter(Boolean).map(parameter)
  return { message, method: message.method ?? '', headers: message.headers, path: percentDecode(raw), bucket, key, query }
}

const parameter = (pair: string): [string, ByteString] => {
  const equals = pair.indexOf('=')
  const decode = (part: string): ByteString => percentDecode(part.replaceAll('+', ' '))
  return equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]
}

export const headerOf = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value.join(',') : value
}

export const queryOf = (request: S3Request, name: string): ByteString | undefined => request.query.find(([given]) => given === name)?.[1]

/** A whole number from a header or parameter. Throws InvalidArgument. */
export const wholeNumber = (name: string, value: string | undefined, least: number, most: number): number | undefined => {
  if (value === undefined) return undefined
  const number = /^\d{1,16}$/.test(value) ? Number(value) : -1
  if (number < least || number > most) throw new S3Error('InvalidArgument', `${name} must be a whole number from ${least} to ${most}.`)
  return number
}

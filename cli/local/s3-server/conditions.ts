import type { IncomingHttpHeaders } from 'node:http'
import { S3Error } from './errors'
import { headerOf } from './request'
import type { StoredObject } from './version'

const names = (condition: string, etag: string): boolean =>
  condition.trim() === '*' || condition.split(',').some((one) => one.trim().replace(/^W\//, '').replaceAll('"', '') === etag)

/** If-Match of a write or a deletion. Throws PreconditionFailed; NoSuchKey without an object. */
export const checkMatch = (match: string | undefined, current: StoredObject | undefined): void => {
  if (match !== undefined && !current) throw new S3Error('NoSuchKey')
  if (match !== undefined && current && !names(match, current.etag)) throw new S3Error('PreconditionFailed')
}

/** If-Match and If-None-Match of a write. Throws as `checkMatch` does, and NotImplemented. */
export const checkWrite = (headers: IncomingHttpHeaders, current: StoredObject | undefined): void => {
  const noneMatch = headerOf(headers, 'if-none-match')
  if (noneMatch !== undefined && noneMatch.trim() !== '*') throw new S3Error('NotImplemented', 'If-None-Match of a write must be *.')
  if (noneMatch !== undefined && current) throw new S3Error('PreconditionFailed')
  checkMatch(headerOf(headers, 'if-match'), current)
}

const timeOf = (headers: IncomingHttpHeaders, name: string): number => Date.parse(headerOf(headers, name) ?? '')

/** Whether a read is to be answered with 304, by RFC 9110's order of precedence. Throws PreconditionFailed. */
export const isUnmodified = (headers: IncomingHttpHeaders, { etag, modified }: StoredObject): boolean => {
  const match = headerOf(headers, 'if-match')
  if (match !== undefined ? !names(match, etag) : modified > timeOf(headers, 'if-unmodified-since')) throw new S3Error('PreconditionFailed')
  const noneMatch = headerOf(headers, 'if-none-match')
  return noneMatch !== undefined ? names(noneMatch, etag) : modified <= timeOf(headers, 'if-modified-since')
}

/**
 * Bytes `from` to `to`, the end excluded, of a Range header; undefined where S3 sends the whole object: no header, several
 * ranges, or one that is malformed. Throws InvalidRange.
 */
export const parseRange = (range: string | undefined, size: number): { from: number; to: number } | undefined => {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(range?.trim() ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  const from = first === '' ? Math.max(size - Number(last), 0) : Number(first)
  const to = first === '' || last === '' ? size : Math.min(Number(last) + 1, size)
  if (first !== '' && last !== '' && Number(last) < from) return undefined
  if (from >= to) throw new S3Error('InvalidRange')
  return { from, to }
}

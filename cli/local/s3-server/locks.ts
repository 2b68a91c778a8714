import type { IncomingHttpHeaders } from 'node:http'
import type { Bucket } from './bucket'
import { S3Error } from './errors'
import { headerOf } from './request'
import { isMarker, type Lock, type Version } from './version'

const HEADER = 'x-amz-object-lock-'

/** The lock that a write asks for. Throws InvalidRequest in a bucket without Object Lock, InvalidArgument. */
export const lockOf = (headers: IncomingHttpHeaders, { settings }: Bucket, now: number): Lock | undefined => {
  const [mode, date, hold] = ['mode', 'retain-until-date', 'legal-hold'].map((name) => headerOf(headers, HEADER + name))
  if (mode === undefined && date === undefined && hold === undefined) return undefined
  if (settings.locks !== true) throw new S3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration')
  const invalid = (why: string): S3Error => new S3Error('InvalidArgument', why)
  if ((mode === undefined) !== (date === undefined)) throw invalid('A retention has both a mode and a date.')
  if (mode !== undefined && mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') throw invalid('Unknown wormMode directive.')
  if (hold !== undefined && hold !== 'ON' && hold !== 'OFF') throw invalid('Legal Hold must be either of ON or OFF')
  const until = date === undefined ? undefined : Date.parse(date)
  if (until !== undefined && !(until > now)) throw invalid('The retain until date must be in the future!')
  return { mode, until, ...(hold === 'ON' && { hold: true }) }
}

export const lockHeaders = ({ mode, until, hold }: Lock = {}): Record<string, string> => ({
  ...(mode !== undefined && until !== undefined
    ? { [`${HEADER}mode`]: mode, [`${HEADER}retain-until-date`]: new Date(until).toISOString() }
    : {}),
  ...(hold ? { [`${HEADER}legal-hold`]: 'ON' } : {}),
})

/** Throws AccessDenied for a version that may not be deleted yet. */
export const assertUnlocked = (version: Version | undefined, now: number): void => {
  if (version === undefined || isMarker(version) || version.lock === undefined) return
  const { hold, until = 0 } = version.lock
  if (hold === true || until > now) throw new S3Error('AccessDenied', 'Access Denied because object protected by object lock.')
}

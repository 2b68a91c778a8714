import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { listNames, stateKeys, type ObjectStore } from '@drayage/core'

/** Where a run's files for people are, on this machine; undefined: the run did not get as far as to write it. */
export interface ReportFiles {
  json?: string
  html?: string
  failures?: string
  preflight?: string
  closure?: string
  certificate?: string
  signature?: string
}

const NAMES = {
  json: 'report.json',
  html: 'report.html',
  failures: 'failures.csv',
  preflight: 'preflight.json',
  closure: 'closure.json',
  certificate: 'certificate.json',
  signature: 'certificate.sig',
} as const

/** Copies a run's files for people out of the state bucket. */
export const copyOut = async (state: ObjectStore, runId: string, folder: string): Promise<ReportFiles> => {
  const { report, reportHtml, failures, preflight, closure, certificate, certificateSignature } = stateKeys(runId)
  const keys = { json: report, html: reportHtml, failures, preflight, closure, certificate, signature: certificateSignature }
  const files: ReportFiles = {}
  for (const kind of Object.keys(NAMES) as (keyof typeof NAMES)[]) {
    if (!(await listNames(state, keys[kind])).includes(keys[kind])) continue
    const place = join(folder, NAMES[kind])
    const { body } = await state.read(Buffer.from(keys[kind], 'latin1'))
    await pipeline(body, createWriteStream(place))
    files[kind] = place
  }
  return files
}

import { createWriteStream, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { listNames, stateKeys, type ObjectStore } from '@drayage/core'

/** Where a run's files for people are, on this machine; undefined: the run did not get as far as to write it. */
export interface ReportFiles {
  json?: string
  html?: string
  failures?: string
  extra?: string
  notCarried?: string
  preflight?: string
  closure?: string
  certificate?: string
  signature?: string
}

const NAMES = {
  json: 'report.json',
  html: 'report.html',
  failures: 'failures.csv',
  extra: 'extra.csv',
  notCarried: 'not-carried.csv',
  preflight: 'preflight.json',
  closure: 'closure.json',
  certificate: 'certificate.json',
  signature: 'certificate.sig',
} as const

/** What was copied out, and why not all of it. */
interface CopiedOut {
  files: ReportFiles
  problem: string | undefined
}

/**
 * Copies a run's files for people out of the state bucket. What stops it, as a full disk does, is returned and not thrown: how the run
 * ended has to be told all the same.
 */
export const copyOut = async (state: ObjectStore, runId: string, folder: string): Promise<CopiedOut> => {
  const { report, reportHtml, failures, extra, notCarried, preflight, closure, certificate, certificateSignature } = stateKeys(runId)
  const keys = {
    json: report,
    html: reportHtml,
    failures,
    extra,
    notCarried,
    preflight,
    closure,
    certificate,
    signature: certificateSignature,
  }
  const files: ReportFiles = {}
  try {
    for (const kind of Object.keys(NAMES) as (keyof typeof NAMES)[]) {
      if (!(await listNames(state, keys[kind])).includes(keys[kind])) continue
      const place = join(folder, NAMES[kind])
      const { body } = await state.read(Buffer.from(keys[kind], 'latin1'))
      await pipeline(body, createWriteStream(place)).catch((error: unknown) => {
        // Half a report looks like one.
        rmSync(place, { force: true })
        throw error
      })
      files[kind] = place
    }
    return { files, problem: undefined }
  } catch (error) {
    const stays = `they stand in the bucket drayage-state below runs/${runId}/, which drayage serve-s3 opens`
    return { files, problem: `files of the report could not be copied to ${folder} (${(error as Error).message}); ${stays}` }
  }
}

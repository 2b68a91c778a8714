import { createHash } from 'node:crypto'
import { checklist } from '../domain/checklist'
import type { Closure } from '../domain/closure'
import { PreconditionFailed } from '../domain/errors'
import type { Call, ObjectStore } from '../domain/object-store'
import type { Report } from '../domain/report'
import { reportHtml } from '../domain/report-html/index'
import { exists, findJson, readBytes, readJson, writeJson, writeText } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'
import { readPreflight } from './read-run-files'

/** SHA-256 of a file's exact bytes, hex; undefined: there is none. */
const fingerprint = async (state: ObjectStore, name: string, call: Call): Promise<string | undefined> =>
  (await exists(state, name, call))
    ? createHash('sha256')
        .update((await readBytes(state, name, call)).body)
        .digest('hex')
    : undefined

/**
 * Completes report.json with the checklist, which rests on what Cleanup saw, and writes report.html.
 * Throws PreconditionFailed if another call wrote report.json in between.
 */
const finishOnce = async (runId: string, state: ObjectStore, call: Call): Promise<Report> => {
  const keys = stateKeys(runId)
  const { value: written, etag } = await readJson<Report>(state, keys.report, call)
  const preflight = (await readPreflight(state, runId, call)).value
  const closure = (await findJson<Closure>(state, keys.closure, call))?.value
  const sha256 = await fingerprint(state, keys.certificate, call)
  const report = { ...written, checklist: checklist({ report: written, preflight, closure, certificate: sha256 }) }
  await writeJson(state, keys.report, report, { ...call, ifMatch: etag })
  await writeText(state, keys.reportHtml, reportHtml({ report, preflight, closure, certificate: sha256 }), call)
  return report
}

/** Tries of a call that others, which were given up, write beside. */
const TRIES = 3

/** Completes the report that stands, also if a call that was given up writes it in between. */
export const finishReport = async (runId: string, state: ObjectStore, call: Call): Promise<Report> => {
  for (let tries = 1; ; tries++) {
    try {
      return await finishOnce(runId, state, call)
    } catch (error) {
      if (!(error instanceof PreconditionFailed) || tries === TRIES) throw error
    }
  }
}

import { createHash } from 'node:crypto'
import { checklist } from '../domain/checklist'
import type { Closure } from '../domain/closure'
import type { Call, ObjectStore } from '../domain/object-store'
import type { PreflightFile } from '../domain/preflight-file'
import type { Report } from '../domain/report'
import { reportHtml } from '../domain/report-html'
import { exists, findJson, readBytes, readJson, writeJson, writeText } from '../domain/state-files'
import { stateKeys } from '../domain/state-keys'

/** SHA-256 of a file's exact bytes, hex; undefined: there is none. */
const fingerprint = async (state: ObjectStore, name: string, call: Call): Promise<string | undefined> =>
  (await exists(state, name, call))
    ? createHash('sha256')
        .update((await readBytes(state, name, call)).body)
        .digest('hex')
    : undefined

/**
 * Completes report.json with the checklist, which rests on what Cleanup saw, and writes report.html. Throws PreconditionFailed if
 * another call wrote report.json in between.
 */
export const finishReport = async (runId: string, state: ObjectStore, call: Call): Promise<Report> => {
  const keys = stateKeys(runId)
  const { value: written, etag } = await readJson<Report>(state, keys.report, call)
  const preflight = (await findJson<PreflightFile>(state, keys.preflight, call))?.value
  const closure = (await findJson<Closure>(state, keys.closure, call))?.value
  const sha256 = await fingerprint(state, keys.certificate, call)
  const report = { ...written, checklist: checklist({ report: written, preflight, closure, certificate: sha256 }) }
  await writeJson(state, keys.report, report, { ...call, ifMatch: etag })
  await writeText(state, keys.reportHtml, reportHtml({ report, preflight, closure, certificate: sha256 }), call)
  return report
}

import {
  findJson,
  lambda,
  readJson,
  reportHtml,
  stateKeys,
  writeText,
  type Certificate,
  type Migration,
  type Report,
  type Step,
} from '@drayage/core'

/** Writes report.html from report.json and certificate.json. */
export const writeReport: Step<{ migration: Migration }, { html: string }> = async ({ migration }, { services, deadline }) => {
  const { signal } = deadline
  const keys = stateKeys(migration.runId)
  const report = (await readJson<Report>(services.state, keys.report, { signal })).value
  const certificate = (await findJson<Certificate>(services.state, keys.certificate, { signal }))?.value
  await writeText(services.state, keys.reportHtml, reportHtml(report, certificate), { signal })
  return { html: keys.reportHtml }
}

export const handler = lambda(writeReport)

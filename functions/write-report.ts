import { finishReport, lambda, stateKeys, type Migration, type Step } from '@drayage/core'

/** Completes report.json with the checklist and writes report.html. */
export const writeReport: Step<{ migration: Migration }, { html: string }> = async ({ migration: { runId } }, { services, deadline }) => {
  await finishReport(runId, services.state, { signal: deadline.signal })
  return { html: stateKeys(runId).reportHtml }
}

export const handler = lambda(writeReport)

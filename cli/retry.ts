import { InvalidRequest, retryOf, RUN_ID } from '@drayage/core'
import { display, silent } from './display'
import { EXIT, exitCode } from './exit-codes'
import { prepare } from './local/prepare'
import { withRuntime } from './local/runtime'
import { reporting } from './reporting'
import { maxRssBytes, runDocument } from './run-document'
import { summary } from './summary'
import { counted } from './units'

export interface RetryCommand {
  /** the run whose failures are tried again */
  runId: string
  json: boolean
  dryRun: boolean
  /** state folder */
  state: string
  /** run id of the retry; undefined: a new one */
  name: string | undefined
}

/** `drayage retry`: the request of an earlier run again, over just what failed. Returns the exit code. */
export const retry = ({ runId, json, dryRun, state, name }: RetryCommand): Promise<number> =>
  reporting(json, async (print, signal) => {
    if (!RUN_ID.test(runId)) throw new InvalidRequest([`RUN: ${JSON.stringify(runId)} is no run id; name a run of this state folder`])
    return withRuntime(state, async (runtime) => {
      const { migration, report } = await runtime.earlier(runId)
      const failures = report.failures.count
      if (failures === 0) {
        print({ retried: null, failuresOf: runId, failures }, [`Nothing to retry: no object of the run ${runId} failed.`])
        return EXIT.verified
      }
      if (!json) process.stderr.write(`Retrying ${counted(failures, 'object')} of the run ${runId}\n`)
      const prepared = prepare(retryOf(migration), { name, dryRun })
      const screen = json ? silent : display(process.stderr)
      const ended = await runtime.run(prepared, { observe: screen.observe, signal }).finally(screen.close)
      const document = runDocument(ended, maxRssBytes())
      print(document, summary(document, state))
      return exitCode(document.status, signal)
    })
  })

import { stopWith } from './errors'
import { runProgram, type Program, type Work } from './run'

/**
 * A Parallel: each branch on its own machine. Ours and not the library's, because there a failing branch leaves the calls of
 * its neighbours running, and beginning new ones.
 */
export const runBranches =
  (branches: readonly Program[]): Work =>
  async (input, run) => {
    const all = run.scope.open()
    try {
      return await Promise.all(branches.map((branch) => runProgram(branch, input, { ...run, scope: all.open() })))
    } catch (error) {
      all.stop(stopWith(error))
      throw error
    } finally {
      all.close()
    }
  }

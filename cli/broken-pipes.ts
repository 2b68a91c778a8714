/**
 * Lets the command outlive whoever reads it: a pipe that nobody reads any more must not keep a run from its Cleanup. What goes to
 * standard error is then lost, whatever the reason: nothing is left to say it on, and an error that nobody hears is told there, which
 * would fail again, for ever. A result that cannot be written for another reason than that (a full disk) is a failure of its own.
 */
export const outliveReaders = (): void => {
  process.stderr.on('error', () => undefined)
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

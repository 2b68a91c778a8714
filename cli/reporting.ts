import { InvalidRequest, withhold } from '@drayage/core'
import { EXIT } from './exit-codes'
import { Interrupted } from './interrupted'
import { interrupts, type InterruptWords } from './interrupts'
import { terminalText } from './terminal-text'

/** Prints a command's one result: with --json the document and nothing else, otherwise the lines. */
export type Print = (document: object, lines: readonly string[]) => void

/** Runs a command's work with Ctrl-C in hand, prints what it throws, and returns the exit code. */
export const reporting = async (
  json: boolean,
  work: (print: Print, signal: AbortSignal) => Promise<number>,
  words?: InterruptWords,
): Promise<number> => {
  const interrupt = interrupts((line) => process.stderr.write(`${terminalText(withhold(line).text)}\n`), words)
  const refuse = (error: { name: string; problems: readonly string[] }): void => {
    if (json) process.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`)
    else for (const problem of error.problems) process.stderr.write(`${terminalText(problem)}\n`)
  }
  try {
    return await work(
      (document, lines) => process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : `${lines.join('\n')}\n`),
      interrupt.signal,
    )
  } catch (error) {
    if (error instanceof InvalidRequest) {
      refuse({ name: error.name, problems: error.problems })
      return EXIT.badInput
    }
    if (error instanceof Interrupted) {
      refuse({ name: error.name, problems: [error.message] })
      return EXIT.interrupted
    }
    refuse({ name: (error as Error).name, problems: [`${(error as Error).name}: ${(error as Error).message}`] })
    return EXIT.notVerified
  } finally {
    interrupt.close()
  }
}

import { DrayageError, errorName } from '../domain/errors'
import { hashKeys } from '../domain/keys'
import { shortLine } from '../domain/one-line'
import { withhold } from './known-values'

/** What texts do with the keys in them: print them, or print a hash in their place. */
export type LogKeys = 'full' | 'hash'

export const logKeysFrom = (env: NodeJS.ProcessEnv): LogKeys => (env['DRAYAGE_LOG_KEYS'] === 'hash' ? 'hash' : 'full')

/** A text that may be written: no credential or host, keys as asked, one line of at most `most` characters. */
export const fitText = (text: string, keys: LogKeys, most: number): { text: string; credentials: number } => {
  const withheld = withhold(text)
  // Hashed before it is cut: a key of which half is left would still be half a key.
  return { text: shortLine(keys === 'hash' ? hashKeys(withheld.text) : withheld.text, most), credentials: withheld.credentials }
}

/**
 * An error's words. Ours mark each key they hold, so that it can be hashed; nobody knows what somebody else's hold, so with keys
 * hashed those are left out.
 */
export const wordsOf = (error: unknown, keys: LogKeys): string => {
  if (keys === 'hash' && !(error instanceof DrayageError)) return 'words of an error that is not ours, left out because they may hold a key'
  return error instanceof Error ? error.message : 'an unknown error'
}

/** Longest name and words of an error that leaves a function, characters: Step Functions takes 256 and 32,768. */
const NAME = /^[\w.$-]{1,100}$/
const MOST_WORDS = 4000
/** Lines of a stack: enough to find the place. */
const MOST_FRAMES = 12
const MOST_FRAME = 300

/** The places of a stack, without the words that stand before them. */
const framesOf = ({ stack = '', message }: Error): string[] => {
  const at = message === '' ? -1 : stack.indexOf(message)
  return stack
    .slice(at < 0 ? 0 : at + message.length)
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, MOST_FRAMES)
}

/**
 * What may leave a function of an error: Step Functions matches its name and keeps its words in the history, the Lambda runtime
 * logs its stack and whatever else hangs on it. A bare Error with the name, the words and the places of the stack.
 */
export const bareError = (error: unknown, keys: LogKeys): Error => {
  const fit = (text: string, most: number): string => fitText(text, keys, most).text
  const name = errorName(error)
  const lines = wordsOf(error, keys).split('\n')
  const bare = new Error(
    lines
      .map((line) => fit(line, MOST_WORDS))
      .join('\n')
      .slice(0, MOST_WORDS),
  )
  bare.name = NAME.test(name) ? name : 'UnknownError'
  const frames = error instanceof Error ? framesOf(error).map((frame) => fit(frame, MOST_FRAME)) : []
  bare.stack = [`${bare.name}: ${bare.message}`, ...frames].join('\n')
  return bare
}

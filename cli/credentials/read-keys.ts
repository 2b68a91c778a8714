import { text } from 'node:stream/consumers'
import { InvalidRequest } from '@drayage/core'
import { z } from 'zod'
import { Interrupted } from '../interrupted'

export interface SourceKeys {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
}

/** What is said when Ctrl-C came before anything was written. */
export const INTERRUPTED = 'Interrupted: nothing was stored.'

/** A terminal, or what stands for one in a test. */
export interface KeyInput extends NodeJS.ReadableStream {
  isTTY?: boolean
  setRawMode?(mode: boolean): unknown
}

// Visible ASCII only: what may stand in a signed header. The lengths are far above any provider's.
const word = (most: number) => z.string().regex(new RegExp(`^[\\x21-\\x7e]{1,${most}}$`))

const keys = z.strictObject({ accessKeyId: word(256), secretAccessKey: word(512), sessionToken: word(16_384).optional() })

const NAMES: readonly string[] = Object.keys(keys.shape)
const FORM = 'write JSON {"accessKeyId": …, "secretAccessKey": …}, with a "sessionToken" if there is one, or each on a line of its own'

/** What is wrong with keys in words that repeat nothing of them: a mistyped key is a key all the same. */
export const parseKeys = (given: string): { keys: SourceKeys | undefined; problems: string[] } => {
  const content = given.replace(/^\uFEFF/, '').trim()
  if (content === '') return { keys: undefined, problems: [`standard input: is empty; ${FORM}`] }
  const parsed = keys.safeParse(content.startsWith('{') ? jsonOf(content) : linesOf(content))
  if (parsed.success) return { keys: parsed.data, problems: [] }
  const fields = parsed.error.issues.flatMap(({ path }) => path.map(String)).filter((name) => NAMES.includes(name))
  const wrong =
    fields.length === 0
      ? 'its form is not understood'
      : `${[...new Set(fields)].join(' and ')} missing, or not visible ASCII without spaces`
  return { keys: undefined, problems: [`standard input: ${wrong}; ${FORM}`] }
}

const jsonOf = (content: string): unknown => {
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}

const linesOf = (content: string): unknown => {
  const [accessKeyId, secretAccessKey, sessionToken, ...more] = content.split('\n').map((line) => line.trim())
  return more.length > 0 ? undefined : { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
}

/** What is piped into the command. Throws Interrupted when Ctrl-C comes first. */
export const readPiped = async (input: NodeJS.ReadStream, signal: AbortSignal): Promise<string> => {
  const interrupted = new Promise<never>((_, reject) => {
    const stop = () => {
      input.destroy()
      reject(signal.reason as Error)
    }
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  return Promise.race([text(input), interrupted])
}

/** Asks at a terminal, one answer a line, and shows nothing of what is typed. Throws Interrupted at Ctrl-C and Ctrl-D. */
export const promptKeys = async (input: KeyInput, output: NodeJS.WritableStream): Promise<SourceKeys> => {
  const ask = (question: string) => hidden(question, input, output)
  const accessKeyId = await ask('Access key id (not shown): ')
  const secretAccessKey = await ask('Secret access key (not shown): ')
  const sessionToken = await ask('Session token (not shown, Enter for none): ')
  const { keys: parsed, problems } = parseKeys(
    JSON.stringify({ accessKeyId, secretAccessKey, ...(sessionToken !== '' && { sessionToken }) }),
  )
  if (parsed === undefined) throw new InvalidRequest(problems)
  return parsed
}

const hidden = (question: string, input: KeyInput, output: NodeJS.WritableStream): Promise<string> =>
  new Promise((resolve, reject) => {
    output.write(question)
    input.setRawMode?.(true)
    let typed = ''
    const end = (settle: () => void): void => {
      input.off('data', hear).off('end', interrupted)
      input.setRawMode?.(false)
      input.pause()
      output.write('\n')
      settle()
    }
    const interrupted = () => end(() => reject(new Interrupted(INTERRUPTED)))
    const hear = (chunk: Buffer | string): void => {
      const characters = [...chunk.toString()]
      for (const [at, character] of characters.entries()) {
        if (character === '\u0003' || character === '\u0004') return interrupted()
        if (character === '\r' || character === '\n') {
          // What was pasted after the line is the next answer.
          const rest = characters.slice(at + 1).join('')
          end(() => resolve(typed.trim()))
          if (rest !== '') input.unshift(rest)
          return
        }
        typed = character === '\u007f' || character === '\b' ? typed.slice(0, -1) : typed + character
      }
    }
    input.on('data', hear).on('end', interrupted)
    input.resume()
  })

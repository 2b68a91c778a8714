import { randomUUID } from 'node:crypto'
import { appendFile, readFile, rename, writeFile } from 'node:fs/promises'
import type { DeadLetter, DeadLetters } from '@drayage/core'

const lineOf = (message: DeadLetter): string => `${JSON.stringify(message)}\n`

/** No file: no text. */
const textOf = async (name: string): Promise<string> => {
  try {
    return await readFile(name, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

const isOf = (line: string, runId: string): boolean => {
  try {
    return (JSON.parse(line) as DeadLetter).runId === runId
  } catch {
    // half a line, of a process that was killed: it is nobody's, and stays to be looked at
    return false
  }
}

/** The queue of one machine: one JSON line per message. One process at a time holds the state folder that it is in. */
export const deadLettersIn = (name: string): DeadLetters => ({
  send: async (messages) => {
    if (messages.length === 0) return
    // Half a line, of a process that was killed, would swallow the first message.
    const text = await textOf(name)
    const open = text !== '' && !text.endsWith('\n')
    await appendFile(name, `${open ? '\n' : ''}${messages.map(lineOf).join('')}`)
  },
  take: async (runId) => {
    const lines = (await textOf(name)).split('\n').filter((line) => line !== '')
    const others = lines.filter((line) => !isOf(line, runId))
    if (others.length === lines.length) return 0
    // The file is the old one or the new one, also for who is killed here.
    const fresh = `${name}.${randomUUID()}`
    await writeFile(fresh, others.map((line) => `${line}\n`).join(''), { mode: 0o600 })
    await rename(fresh, name)
    return lines.length - others.length
  },
})

import { appendFile } from 'node:fs/promises'
import type { DeadLetter, DeadLetters } from '@drayage/core'

/** The queue of one machine: one JSON line per message, at the end of a file. */
export const deadLettersIn = (name: string): DeadLetters => ({
  send: async (messages: readonly DeadLetter[]) => {
    if (messages.length > 0) await appendFile(name, messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
  },
})

import { createInterface } from 'node:readline/promises'
import { InvalidRequest, type Observation } from '@drayage/core'
import { readNote } from '../../layers/core/access/credential-note'
import { secretName } from '../../layers/core/access/names'
import { todoAtSource } from '../../layers/core/access/secret'
import { EXIT } from '../exit-codes'
import { Interrupted } from '../interrupted'
import { reporting } from '../reporting'
import { observationLine } from '../summary'
import { terminalText } from '../terminal-text'
import { noSuchCredential } from './show'
import { withStage, type StageOptions } from './stage'

export interface DeleteCommand extends StageOptions {
  name: string
  yes: boolean
  json: boolean
}

/** What --json prints. */
interface DeleteDocument {
  credential: string
  arn: string
  /** whether the secret is observed to be gone */
  deleted: boolean
  closure: Observation[]
  todo: string[]
}

/** `drayage credentials delete`: our copy, at once and for good. Returns the exit code: 1 if it may still be there. */
export const deleteCommand = ({ name, yes, json, ...options }: DeleteCommand): Promise<number> =>
  reporting(json, (print, signal) =>
    withStage(options, async ({ place, find, secrets }) => {
      const secret = await find(name)
      if (secret === undefined) throw noSuchCredential(name, place)
      const arn = secret.ARN ?? ''
      if (!yes) await confirm(name, arn, signal)
      // Before: a secret that is gone says nothing of its key.
      const todo = [todoAtSource(name, secret, readNote(secret.Description)?.provider ?? 'other')]
      const observation = await secrets.remove(secretName(place.stage, name), arn)
      const document: DeleteDocument = { credential: name, arn, deleted: observation.closed, closure: [observation], todo }
      const lines = [`${arn}`, observationLine(observation), ...todo.map((line) => terminalText(`To do: ${line}`))]
      print(document, lines)
      return document.deleted ? EXIT.verified : EXIT.notVerified
    }),
  )

const confirm = async (name: string, arn: string, signal: AbortSignal): Promise<void> => {
  if (!process.stdin.isTTY) throw new InvalidRequest([`--yes: is missing; add it to delete ${name} without being asked`])
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal
      .question(terminalText(`This deletes ${arn} for good. Type ${name} to go on: `), { signal })
      .catch((error: Error) => {
        throw error.name === 'AbortError' ? new Interrupted('Interrupted: nothing was deleted.') : error
      })
    if (answer.trim() !== name) throw new InvalidRequest(['NAME: was not typed again; nothing was deleted'])
  } finally {
    terminal.close()
  }
}

import { AccessNotOpened, CredentialsRefused } from '@drayage/core'
import { namedError, type BareError, type FromWorker, type MainThread, type ToWorker } from './protocol'

/** A question to the main thread, to be asked like the function itself. Rejects with what that threw. */
export type Ask = <Question extends keyof MainThread>(question: Question) => MainThread[Question]

/** The questions of a worker that wait for their answers, and where the answers go. */
export const asking = (
  post: (message: FromWorker) => void,
): { ask: Ask; told(answer: Extract<ToWorker, { kind: 'told' | 'refused' }>): void } => {
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>()
  let last = 0
  const ask =
    (question: keyof MainThread) =>
    (...about: unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const id = ++last
        waiting.set(id, { resolve, reject })
        post({ kind: 'ask', id, question, about })
      })
  return {
    ask: ask as Ask,
    told: (told) => {
      const asked = waiting.get(told.id)
      waiting.delete(told.id)
      if (told.kind === 'told') asked?.resolve(told.answer)
      else asked?.reject(classed(told.error))
    },
  }
}

/** What access promises to throw is of its class again: the core tells these apart by class, Step Functions by name. */
const CLASSES = [AccessNotOpened, CredentialsRefused]

const classed = (error: BareError): Error => {
  const Known = CLASSES.find(({ name }) => name === error.name)
  return Known === undefined ? namedError(error) : new Known(error.message)
}

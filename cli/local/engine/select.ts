import { ExecutionError, StateMachine } from 'aws-local-stepfunctions'
import './polyfill'

type Definition = ConstructorParameters<typeof StateMachine>[0]
type Input = Parameters<StateMachine['run']>[0]

/** What a payload template gives for an input and a context object. @throws States.Runtime for a path that leads nowhere. */
export interface Select {
  (input: unknown, context: Record<string, unknown>): Promise<unknown>
}

/** The library evaluates templates only inside a state, so a machine of one Pass does it. */
export const selector = (template: unknown): Select => {
  const definition = { StartAt: 'Select', States: { Select: { Type: 'Pass', Parameters: template, End: true } } }
  const machine = new StateMachine(definition as Definition, { validationOptions: { noValidate: true } })
  return async (input, context) => {
    try {
      return await machine.run(input as Input, { context }).result
    } catch (error) {
      throw error instanceof ExecutionError ? error.cause : error
    }
  }
}

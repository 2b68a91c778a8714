import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { checkDefinition } from './check'
import { UnsupportedDefinition } from './errors'

/** The part of the Amazon States Language that this engine runs; `fields.ts` lists every field. */
export interface Machine {
  StartAt: string
  States: Record<string, State>
}

export interface StateMachineDefinition extends Machine {
  Comment?: string
  Version?: string
  TimeoutSeconds?: number
}

export interface Retrier {
  ErrorEquals: string[]
  IntervalSeconds?: number
  MaxAttempts?: number
  BackoffRate?: number
  MaxDelaySeconds?: number
  JitterStrategy?: 'FULL' | 'NONE'
}

export interface Catcher {
  ErrorEquals: string[]
  ResultPath?: string | null
  Next: string
}

interface Common {
  Comment?: string
  InputPath?: string | null
  OutputPath?: string | null
}

interface Flowing extends Common {
  ResultPath?: string | null
  Next?: string
  End?: true
}

interface Working extends Flowing {
  ResultSelector?: unknown
  Retry?: Retrier[]
  Catch?: Catcher[]
}

export interface TaskState extends Working {
  Type: 'Task'
  Resource: { Ref: string }
  Parameters?: unknown
  TimeoutSeconds?: number
}

export interface ParallelState extends Working {
  Type: 'Parallel'
  Parameters?: unknown
  Branches: Machine[]
}

export interface ItemProcessor extends Machine {
  ProcessorConfig?: { Mode: 'INLINE' | 'DISTRIBUTED'; ExecutionType?: 'STANDARD' }
}

export interface MapState extends Working {
  Type: 'Map'
  ItemProcessor: ItemProcessor
  ItemSelector?: unknown
  MaxConcurrency?: number
  MaxConcurrencyPath?: string
  /** inline only */
  ItemsPath?: string
}

export interface DistributedMapState extends MapState {
  Label?: string
  ItemReader: { Resource: string; Parameters: Record<string, string> }
  ResultWriter: { Resource: string; Parameters: { Bucket: string; Prefix: string } }
  ToleratedFailureCount?: number
  ToleratedFailureCountPath?: string
  ToleratedFailurePercentage?: number
  ToleratedFailurePercentagePath?: string
}

export interface ChoiceRule {
  Variable?: string
  And?: ChoiceRule[]
  Or?: ChoiceRule[]
  Not?: ChoiceRule
  Next?: string
  [operator: string]: unknown
}

export interface ChoiceState extends Common {
  Type: 'Choice'
  Choices: ChoiceRule[]
  Default?: string
}

export interface PassState extends Flowing {
  Type: 'Pass'
  Parameters?: unknown
  Result?: unknown
}

export interface WaitState extends Common {
  Type: 'Wait'
  Seconds?: number
  SecondsPath?: string
  Next?: string
  End?: true
}

export interface SucceedState extends Common {
  Type: 'Succeed'
}

export interface FailState {
  Type: 'Fail'
  Comment?: string
  Error?: string
  ErrorPath?: string
  Cause?: string
  CausePath?: string
}

export type State = TaskState | ParallelState | MapState | ChoiceState | PassState | WaitState | SucceedState | FailState

export const isDistributed = (state: State): state is DistributedMapState =>
  state.Type === 'Map' && state.ItemProcessor.ProcessorConfig?.Mode === 'DISTRIBUTED'

/** @throws UnsupportedDefinition naming the state and the field; js-yaml's YAMLException. */
export const parseDefinition = (text: string): StateMachineDefinition => {
  const definition: unknown = load(text)
  checkDefinition(definition)
  return definition
}

/**
 * Reads the state machine file: YAML 1.2, of which JSON is a part.
 * @throws UnsupportedDefinition naming the state and the field, or the file if it cannot be read as YAML.
 */
export const loadDefinition = (path: string): StateMachineDefinition => {
  try {
    return parseDefinition(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof UnsupportedDefinition) throw error
    throw new UnsupportedDefinition('definition', path, `it cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

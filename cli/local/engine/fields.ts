/**
 * Every field that this engine runs, per kind of state: what is not here is refused when the file is loaded. A field
 * belongs here only if aws-local-stepfunctions or our own module does with it what AWS does.
 */
const ANY = ['Type', 'Comment'] as const
const PATHS = ['InputPath', 'OutputPath'] as const
const ENDS = ['Next', 'End'] as const
const WORKS = [...ANY, ...PATHS, ...ENDS, 'ResultSelector', 'ResultPath', 'Retry', 'Catch'] as const
const MAPS = [...WORKS, 'ItemProcessor', 'ItemSelector', 'MaxConcurrency', 'MaxConcurrencyPath'] as const

export const STATE_FIELDS = {
  Task: [...WORKS, 'Parameters', 'Resource', 'TimeoutSeconds'],
  Parallel: [...WORKS, 'Parameters', 'Branches'],
  InlineMap: [...MAPS, 'ItemsPath'],
  DistributedMap: [
    ...MAPS,
    'Label',
    'ItemReader',
    'ResultWriter',
    'ToleratedFailureCount',
    'ToleratedFailureCountPath',
    'ToleratedFailurePercentage',
    'ToleratedFailurePercentagePath',
  ],
  Choice: [...ANY, ...PATHS, 'Choices', 'Default'],
  Pass: [...ANY, ...PATHS, ...ENDS, 'Parameters', 'Result', 'ResultPath'],
  Wait: [...ANY, ...PATHS, ...ENDS, 'Seconds', 'SecondsPath'],
  Succeed: [...ANY, ...PATHS],
  Fail: [...ANY, 'Error', 'ErrorPath', 'Cause', 'CausePath'],
} as const satisfies Record<string, readonly string[]>

export type StateKind = keyof typeof STATE_FIELDS

export const DEFINITION_FIELDS = ['Comment', 'StartAt', 'States', 'Version', 'TimeoutSeconds']
export const BRANCH_FIELDS = ['Comment', 'StartAt', 'States']
export const PROCESSOR_FIELDS = [...BRANCH_FIELDS, 'ProcessorConfig']
export const RETRIER_FIELDS = [
  'Comment',
  'ErrorEquals',
  'IntervalSeconds',
  'MaxAttempts',
  'BackoffRate',
  'MaxDelaySeconds',
  'JitterStrategy',
]
export const CATCHER_FIELDS = ['Comment', 'ErrorEquals', 'ResultPath', 'Next']

/** The comparisons that the library makes as AWS does; see check-choice.ts for those left out. */
export const COMPARISONS: Readonly<Record<string, 'string' | 'number' | 'boolean' | 'true' | 'path'>> = {
  StringEquals: 'string',
  StringEqualsPath: 'path',
  NumericEquals: 'number',
  NumericEqualsPath: 'path',
  NumericLessThan: 'number',
  NumericLessThanPath: 'path',
  NumericLessThanEquals: 'number',
  NumericLessThanEqualsPath: 'path',
  NumericGreaterThan: 'number',
  NumericGreaterThanPath: 'path',
  NumericGreaterThanEquals: 'number',
  NumericGreaterThanEqualsPath: 'path',
  BooleanEquals: 'boolean',
  BooleanEqualsPath: 'path',
  IsPresent: 'true',
  IsNull: 'true',
  IsString: 'true',
  IsNumeric: 'true',
  IsBoolean: 'true',
}

export const ITEM_READER = 'arn:aws:states:::s3:listObjectsV2'
export const RESULT_WRITER = 'arn:aws:states:::s3:putObject'

/** setTimeout's longest wait is 2^31 - 1 ms; beyond it, it fires at once. In seconds. */
export const MAX_TIMER_SECONDS = 2_147_483

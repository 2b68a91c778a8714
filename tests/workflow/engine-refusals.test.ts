import { readFileSync } from 'node:fs'
import { loadDefinition, startExecution, UnsupportedDefinition } from '../../cli/local/engine'
import { checkDefinition } from '../../cli/local/engine/check'
import { bench } from './engine-support'

const FILE = 'statemachines/migrate.asl.yml'
type Edit = (states: any, definition: any) => void

/** A machine with every kind of state and every field that is run: the clean file that each fault is planted in. */
const clean = (): any => ({
  Comment: 'c',
  Version: '1.0',
  TimeoutSeconds: 5,
  StartAt: 'T',
  States: {
    T: {
      Type: 'Task',
      Comment: 'c',
      Resource: { Ref: 'f' },
      InputPath: '$.a',
      Parameters: { 'a.$': '$.b[0].c-d', 'id.$': '$$.Execution.Id', list: [{ 'x.$': '$' }], bucket: '#{StateBucket}' },
      ResultSelector: { 'r.$': '$.x' },
      ResultPath: '$.out.r',
      OutputPath: '$.out',
      TimeoutSeconds: 5,
      Retry: [
        {
          ErrorEquals: ['A', 'B'],
          IntervalSeconds: 1,
          MaxAttempts: 0,
          BackoffRate: 1.5,
          MaxDelaySeconds: 9,
          JitterStrategy: 'FULL',
          Comment: 'c',
        },
        { ErrorEquals: ['States.ALL'] },
      ],
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'P', Comment: 'c' }],
      Next: 'C',
    },
    C: {
      Type: 'Choice',
      Choices: [
        { Variable: '$.a', BooleanEquals: true, Next: 'P' },
        { And: [{ Variable: '$.a', NumericLessThan: 3 }, { Not: { Variable: '$.b', IsPresent: true } }], Next: 'P', Comment: 'c' },
        {
          Or: [
            { Variable: '$.a', StringEquals: 'x' },
            { Variable: '$.b', NumericEqualsPath: '$.c' },
          ],
          Next: 'P',
        },
      ],
      Default: 'W',
    },
    W: { Type: 'Wait', Seconds: 1, Next: 'V' },
    V: { Type: 'Wait', SecondsPath: '$.n', InputPath: '$', OutputPath: '$', Next: 'P' },
    P: { Type: 'Pass', Parameters: { a: 1 }, Result: {}, ResultPath: null, Next: 'L' },
    L: {
      Type: 'Parallel',
      Branches: [{ Comment: 'c', StartAt: 'B1', States: { B1: { Type: 'Succeed', OutputPath: '$.a' } } }],
      Next: 'M',
    },
    M: {
      Type: 'Map',
      ItemsPath: '$.items',
      MaxConcurrencyPath: '$.n',
      ItemSelector: { 'v.$': '$$.Map.Item.Value.Key', 'i.$': '$$.Map.Item.Index' },
      ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, StartAt: 'I', States: { I: { Type: 'Fail', Error: 'E', Cause: 'c' } } },
      Next: 'D',
    },
    D: {
      Type: 'Map',
      Label: 'Dee',
      MaxConcurrency: 3,
      ToleratedFailurePercentage: 10,
      ToleratedFailureCountPath: '$.n',
      ItemReader: { Resource: 'arn:aws:states:::s3:listObjectsV2', Parameters: { Bucket: '#{StateBucket}', 'Prefix.$': '$.p' } },
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'X',
        States: { X: { Type: 'Fail', ErrorPath: '$.e', CausePath: '$.c' } },
      },
      ResultWriter: { Resource: 'arn:aws:states:::s3:putObject', Parameters: { Bucket: '#{StateBucket}', Prefix: 'map-runs' } },
      End: true,
    },
  },
})

const refusal = (edit: Edit): UnsupportedDefinition | undefined => {
  const definition = clean()
  edit(definition.States, definition)
  try {
    checkDefinition(definition)
    return undefined
  } catch (error) {
    if (error instanceof UnsupportedDefinition) return error
    throw error
  }
}

it('The clean definition, and the state machine file itself, are accepted', () => {
  expect(refusal(() => undefined)).toBeUndefined()
  expect(loadDefinition(FILE).StartAt).toBe('ValidateRequest')
})

const REFUSED: [string, string, Edit][] = [
  ['W', 'SecondsPath', (s) => (s.W.SecondsPath = '$.n')],
  ['W', 'Seconds', (s) => delete s.W.Seconds],
  ['W', 'SecondsPath', (s) => (s.W = { Type: 'Wait', SecondsPath: '$.a..b', Next: 'P' })],
  ['W', 'Timestamp', (s) => (s.W.Timestamp = '2026-01-01T00:00:00Z')],
  // what AWS knows and this engine does not run
  ['definition', 'QueryLanguage', (_, d) => (d.QueryLanguage = 'JSONata')],
  ['T', 'QueryLanguage', (s) => (s.T.QueryLanguage = 'JSONPath')],
  ['T', 'Assign', (s) => (s.T.Assign = { a: 1 })],
  ['T', 'Arguments', (s) => (s.T.Arguments = {})],
  ['T', 'Output', (s) => (s.T.Output = {})],
  ['T', 'HeartbeatSeconds', (s) => (s.T.HeartbeatSeconds = 5)],
  ['T', 'Credentials', (s) => (s.T.Credentials = {})],
  ['T', 'TimeoutSecondsPath', (s) => (s.T.TimeoutSecondsPath = '$.t')],
  ['T', 'Catch[0].Assign', (s) => (s.T.Catch[0].Assign = {})],
  ['T', 'Catch[0].Output', (s) => (s.T.Catch[0].Output = {})],
  ['W', 'SecondsPath', (s) => (s.W.SecondsPath = '$.s')],
  ['W', 'Timestamp', (s) => (s.W.Timestamp = '2030-01-01T00:00:00Z')],
  [
    'M',
    'ItemProcessor',
    (s) => {
      s.M.Iterator = s.M.ItemProcessor
      delete s.M.ItemProcessor
    },
  ],
  ['M', 'Parameters', (s) => (s.M.Parameters = {})],
  ['M', 'Label', (s) => (s.M.Label = 'x')],
  ['M', 'ResultWriter', (s) => (s.M.ResultWriter = s.D.ResultWriter)],
  ['M', 'ToleratedFailureCount', (s) => (s.M.ToleratedFailureCount = 1)],
  ['D', 'ItemBatcher', (s) => (s.D.ItemBatcher = { MaxItemsPerBatch: 5 })],
  ['D', 'ItemsPath', (s) => (s.D.ItemsPath = '$.a')],
  ['D', 'ItemReader.ReaderConfig', (s) => (s.D.ItemReader.ReaderConfig = { InputType: 'JSONL' })],
  ['D', 'ItemReader.Resource', (s) => (s.D.ItemReader.Resource = 'arn:aws:states:::s3:getObject')],
  ['D', 'ItemReader.Parameters.MaxKeys', (s) => (s.D.ItemReader.Parameters.MaxKeys = 5)],
  ['D', 'ItemReader.Parameters.Prefix', (s) => delete s.D.ItemReader.Parameters['Prefix.$']],
  ['D', 'ItemReader.Parameters.Prefix.$', (s) => (s.D.ItemReader.Parameters.Prefix = 'p')],
  ['D', 'ItemReader', (s) => delete s.D.ItemReader],
  ['D', 'ResultWriter', (s) => delete s.D.ResultWriter],
  ['D', 'ResultWriter.WriterConfig', (s) => (s.D.ResultWriter.WriterConfig = {})],
  ['D', 'ResultWriter.Parameters.Prefix.$', (s) => (s.D.ResultWriter.Parameters = { Bucket: 'b', 'Prefix.$': '$.p' })],
  ['D', 'ItemProcessor.ProcessorConfig.ExecutionType', (s) => (s.D.ItemProcessor.ProcessorConfig.ExecutionType = 'EXPRESS')],
  ['D', 'ItemProcessor.ProcessorConfig.Extra', (s) => (s.D.ItemProcessor.ProcessorConfig.Extra = 1)],
  ['D', 'ItemProcessor.TimeoutSeconds', (s) => (s.D.ItemProcessor.TimeoutSeconds = 1)],
  ['M', 'ItemProcessor.ProcessorConfig.Mode', (s) => (s.M.ItemProcessor.ProcessorConfig.Mode = 'OTHER')],
  // names
  ['W', 'Type', (s) => (s.W.Type = 'Sleep')],
  ['I', 'name', (s) => (s.D.ItemProcessor.States = { X: s.D.ItemProcessor.States.X, I: { Type: 'Succeed' } })],
  ['X', 'name', (s) => (s.L.Branches[0] = { StartAt: 'X', States: { X: { Type: 'Succeed' } } })],
  ['definition', 'States.a/b', (s) => (s['a/b'] = { Type: 'Succeed' })],
  ['D', 'Label', (s) => (s.D.Label = 'x'.repeat(41))],
  [
    'D2',
    'Label',
    (s) => {
      s.D2 = structuredClone(s.D)
      s.D2.ItemProcessor.States = { X2: { Type: 'Succeed' } }
      s.D2.ItemProcessor.StartAt = 'X2'
    },
  ],
  // where it goes
  ['definition', 'StartAt', (_, d) => (d.StartAt = 'Nowhere')],
  ['T', 'Next', (s) => (s.T.Next = 'B1')],
  ['T', 'Next', (s) => delete s.T.Next],
  ['T', 'Next', (s) => (s.T.End = true)],
  ['T', 'End', (s) => (s.T.End = false)],
  ['T', 'Catch[0].Next', (s) => (s.T.Catch[0].Next = 'Nowhere')],
  ['C', 'Default', (s) => (s.C.Default = 'Nowhere')],
  ['C', 'Choices[0].Next', (s) => (s.C.Choices[0].Next = 'Nowhere')],
  // errors
  ['T', 'Retry[0].ErrorEquals', (s) => (s.T.Retry[0].ErrorEquals = ['States.TaskFailed'])],
  ['T', 'Retry[0].ErrorEquals', (s) => (s.T.Retry[0].ErrorEquals = ['States.ALL'])],
  ['T', 'Catch[0].ErrorEquals', (s) => (s.T.Catch[0].ErrorEquals = ['States.ALL', 'A'])],
  ['T', 'Catch[0].ErrorEquals', (s) => (s.T.Catch[0].ErrorEquals = [])],
  ['T', 'Retry[0].IntervalSeconds', (s) => (s.T.Retry[0].IntervalSeconds = 0.5)],
  ['T', 'Retry[0].BackoffRate', (s) => (s.T.Retry[0].BackoffRate = 0.5)],
  ['T', 'Retry[0].JitterStrategy', (s) => (s.T.Retry[0].JitterStrategy = 'SOME')],
  ['T', 'Retry[0].Forever', (s) => (s.T.Retry[0].Forever = true)],
  // paths, templates, substitutions
  ['T', 'InputPath', (s) => (s.T.InputPath = '$..a')],
  ['T', 'InputPath', (s) => (s.T.InputPath = '$$.Execution.Id')],
  ['T', 'InputPath', (s) => (s.T.InputPath = '$.a.length')],
  ['T', 'OutputPath', (s) => (s.T.OutputPath = '$.a[?(@.b)]')],
  ['T', 'ResultPath', (s) => (s.T.ResultPath = '$')],
  ['T', 'ResultPath', (s) => (s.T.ResultPath = '$.a[0]')],
  ['T', 'Parameters.x.$', (s) => (s.T.Parameters = { 'x.$': "States.Format('a')" })],
  ['T', 'Parameters.x.$', (s) => (s.T.Parameters = { 'x.$': '$$.State.Name' })],
  ['T', 'Parameters.x.$', (s) => (s.T.Parameters = { 'x.$': '$$.Execution.Input' })],
  ['T', 'Parameters.x.$', (s) => (s.T.Parameters = { 'x.$': '$$.Execution.StartTime' })],
  ['T', 'Parameters.x.$', (s) => (s.T.Parameters = { 'x.$': '$$.Map.Item.Value' })],
  ['T', 'Parameters.x.$', (s) => (s.T.Parameters = { 'x.$': 5 })],
  ['T', 'Parameters.a.$b', (s) => (s.T.Parameters = { 'a.$b': 5 })],
  ['T', 'Parameters.l[0].x.$', (s) => (s.T.Parameters = { l: [{ 'x.$': '$.a[*]' }] })],
  ['T', 'Parameters.Ref', (s) => (s.T.Parameters = { Ref: 'StateBucket' })],
  ['M', 'ItemSelector.x.$', (s) => (s.M.ItemSelector = { 'x.$': '$$.Map.Item.Source' })],
  ['definition', 'States.T.Parameters.x', (s) => (s.T.Parameters = { x: '#{OtherBucket}' })],
  ['definition', 'States.T.Parameters.x', (s) => (s.T.Parameters = { x: 'a-${AWS::Region}' })],
  ['T', 'Resource', (s) => (s.T.Resource = 'arn:aws:states:::lambda:invoke')],
  ['T', 'Resource.Fn::GetAtt', (s) => (s.T.Resource = { 'Fn::GetAtt': ['F', 'Arn'] })],
  // choices
  ['C', 'Choices[0].Condition', (s) => (s.C.Choices[0] = { Condition: '{% true %}', Next: 'P' })],
  ['C', 'Choices[0].StringMatches', (s) => (s.C.Choices[0] = { Variable: '$.a', StringMatches: 'a*', Next: 'P' })],
  ['C', 'Choices[0].TimestampEquals', (s) => (s.C.Choices[0] = { Variable: '$.a', TimestampEquals: '2030-01-01T00:00:00Z', Next: 'P' })],
  ['C', 'Choices[0].IsPresent', (s) => (s.C.Choices[0] = { Variable: '$.a', IsPresent: false, Next: 'P' })],
  ['C', 'Choices[0].NumericEquals', (s) => (s.C.Choices[0] = { Variable: '$.a', NumericEquals: '5', Next: 'P' })],
  ['C', 'Choices[0].toString', (s) => (s.C.Choices[0] = { Variable: '$.a', toString: 'x', Next: 'P' })],
  ['C', 'Choices[0]', (s) => (s.C.Choices[0].StringEquals = 'x')],
  ['C', 'Choices[1].And[0].Next', (s) => (s.C.Choices[1].And[0].Next = 'P')],
  ['C', 'Choices', (s) => (s.C.Choices = [])],
  // values that the library would take for something else
  ['P', 'Result', (s) => (s.P.Result = false)],
  ['I', 'Error', (s) => delete s.M.ItemProcessor.States.I.Error],
  ['T', 'TimeoutSeconds', (s) => (s.T.TimeoutSeconds = 0)],
  ['W', 'Seconds', (s) => (s.W.Seconds = 9_999_999)],
  ['D', 'ToleratedFailurePercentage', (s) => (s.D.ToleratedFailurePercentage = 101)],
  ['D', 'ToleratedFailurePercentagePath', (s) => (s.D.ToleratedFailurePercentagePath = '$.x')],
  ['D', 'MaxConcurrencyPath', (s) => (s.D.MaxConcurrencyPath = '$.x')],
  ['definition', 'Version', (_, d) => (d.Version = '2.0')],
  ['definition', 'States.P.Result', (s) => (s.P.Result = new Date(0))],
]

it.each(REFUSED)('%s.%s is refused (%#)', (state, field, edit) => {
  const error = refusal(edit)
  expect(error && { name: error.name, state: error.state, field: error.field }).toEqual({ name: 'UnsupportedDefinition', state, field })
  expect(error?.message).toContain(`${state}.${field}: `)
})

it('A field that nobody knows is refused on every kind of state', () => {
  for (const name of Object.keys(clean().States))
    expect(refusal((s) => (s[name].Unheard = 1))).toMatchObject({ state: name, field: 'Unheard' })
})

it('Every field of the clean definition is there for a reason: none of them may be misspelt', () => {
  for (const [name, state] of Object.entries<any>(clean().States)) {
    for (const field of Object.keys(state)) {
      expect(
        refusal((s) => {
          s[name][`${field}s`] = s[name][field]
          delete s[name][field]
        }),
      ).toMatchObject({ name: 'UnsupportedDefinition' })
    }
  }
})

it('loadDefinition names the file that it cannot read; startExecution refuses before anything begins', () => {
  expect(() => loadDefinition('statemachines/none.yml')).toThrow(/definition\.statemachines\/none\.yml: it cannot be read: .*ENOENT/)
  const definition = clean()
  definition.States.D.ItemBatcher = {}
  const b = bench(definition, { f: () => ({}) })
  expect(() => startExecution(b.options, {}, 'x')).toThrow(UnsupportedDefinition)
  expect(b.calls).toEqual([])
})

it('Every anchor of the state machine file is read', () => {
  expect(readFileSync(FILE, 'utf8')).toMatch(/\*resumable/)
  expect((loadDefinition(FILE).States.Preflight as any).Retry).toHaveLength(2)
})

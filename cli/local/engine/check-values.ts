import { UnsupportedDefinition } from './errors'

/** Where in the definition: the state's name and the field's path inside it. */
export interface At {
  state: string
  field: string
}

export type Json = Record<string, unknown>

export const refuse = (at: At, reason: string): never => {
  throw new UnsupportedDefinition(at.state, at.field, reason)
}

export const inside = (at: At, field: string | number): At => ({
  state: at.state,
  field: typeof field === 'number' ? `${at.field}[${field}]` : at.field === '' ? field : `${at.field}.${field}`,
})

export const asObject = (value: unknown, at: At): Json => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(at, 'must be an object')
  return value as Json
}

export const asList = (value: unknown, at: At): unknown[] => (Array.isArray(value) ? value : refuse(at, 'must be a list'))

export const asText = (value: unknown, at: At): string =>
  typeof value === 'string' && value !== '' ? value : refuse(at, 'must be a non-empty string')

export const asInteger = (value: unknown, least: number, most: number, at: At): number =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
    ? (value as number)
    : refuse(at, `must be an integer from ${least} to ${most}`)

/** @throws UnsupportedDefinition for a field that is not in `fields`, and for one whose key YAML merged or hid. */
export const only = (object: Json, fields: readonly string[], at: At): void => {
  for (const field of Object.keys(object)) {
    if (!fields.includes(field)) refuse(inside(at, field), `this engine does not run this field here; it runs ${fields.join(', ')}`)
  }
}

/** Never both: AWS refuses that too. */
export const notBoth = (object: Json, one: string, other: string, at: At): void => {
  if (one in object && other in object) refuse(inside(at, other), `cannot stand beside ${one}`)
}

/** Names and indexes only. The library hands filters, scripts, `..`, `*`, slices and `length` to jsonpath-plus, which is not AWS's JSONPath. */
const STEPS = String.raw`(\.(?!length\b)[A-Za-z_][A-Za-z0-9_-]*|\[\d{1,9}\])*`
const PATH = new RegExp(`^\\$${STEPS}$`)
const EXECUTION = /^\$\$\.Execution\.(Id|Name)$/
const MAP_ITEM = new RegExp(`^\\$\\$\\.Map\\.Item\\.(Index|Value${STEPS})$`)
const RESULT_PATH = /^\$(\.[A-Za-z_][A-Za-z0-9_-]*)+$/

export const checkPath = (value: unknown, at: At): void => {
  if (typeof value !== 'string' || !PATH.test(value))
    refuse(at, `${JSON.stringify(value)} is not a path of names and indexes such as $.a.b[0]`)
}

export const checkPathOrNull = (value: unknown, at: At): void => {
  if (value !== null) checkPath(value, at)
}

/** `$` alone is refused because the library would write a field called "$"; leaving ResultPath out means the same. */
export const checkResultPath = (value: unknown, at: At): void => {
  if (value !== null && (typeof value !== 'string' || !RESULT_PATH.test(value))) {
    refuse(at, `${JSON.stringify(value)} is not null or a path of names such as $.a.b`)
  }
}

/**
 * Parameters, ResultSelector, ItemSelector. Intrinsic functions are refused: the state machine only wires. Of the context
 * object only what the library keeps right everywhere: it puts a branch's own input and start in place of the execution's.
 */
export const checkTemplate = (value: unknown, at: At, mapItem = false): void => {
  if (Array.isArray(value)) {
    value.forEach((item, index) => checkTemplate(item, inside(at, index), mapItem))
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, field] of Object.entries(value)) checkTemplateField(key, field, inside(at, key), mapItem)
  } else {
    checkPlain(value, at)
  }
}

const checkTemplateField = (key: string, value: unknown, at: At, mapItem: boolean): void => {
  if (key === 'Ref' || key.startsWith('Fn::')) refuse(at, 'only Resource may name a function; elsewhere write #{StateBucket} or a path')
  if (!key.endsWith('.$')) {
    if (key.includes('.$')) refuse(at, 'the library would take the first ".$" of this name for its end')
    return checkTemplate(value, at, mapItem)
  }
  if (key.indexOf('.$') !== key.length - 2) refuse(at, 'the library would take the first ".$" of this name for its end')
  if (typeof value !== 'string') refuse(at, 'must be a path, since its name ends in ".$"')
  const text = value as string
  if (PATH.test(text) || EXECUTION.test(text) || (mapItem && MAP_ITEM.test(text))) return
  if (text.startsWith('States.')) refuse(at, `intrinsic functions are not run: ${text}`)
  if (text.startsWith('$$'))
    refuse(
      at,
      `of the context object only $$.Execution.Id and .Name${mapItem ? ', and $$.Map.Item.Index and .Value,' : ''} are given here, not ${text}`,
    )
  checkPath(text, at)
}

/** What JSON can say; in strings, no other substitution than `#{StateBucket}`. */
export const checkPlain = (value: unknown, at: At): void => {
  if (Array.isArray(value)) return value.forEach((item, index) => checkPlain(item, inside(at, index)))
  if (typeof value === 'object' && value !== null) {
    const above: unknown = Object.getPrototypeOf(value)
    if (above !== null && Object.getPrototypeOf(above) !== null) refuse(at, 'is not plain JSON')
    return Object.entries(value).forEach(([key, field]) => checkPlain(field, inside(at, key)))
  }
  if (typeof value === 'string') {
    const other = /#\{(?!StateBucket\})[^}]*\}?|\$\{/.exec(value)
    if (other) refuse(at, `${other[0]} is not substituted; only #{StateBucket} is`)
  } else if (value !== null && typeof value !== 'boolean' && !Number.isFinite(value)) {
    refuse(at, 'is not plain JSON')
  }
}

/** An EventBridge pattern without CloudFormation's functions. */
export type Pattern = { [field: string]: Pattern | Pattern[] | Matcher[] }
type Matcher =
  string | { prefix: string } | { wildcard: string } | { exists: boolean } | { 'anything-but': string[] | { wildcard: string[] } }

const matchesWildcard = (pattern: string, value: string): boolean =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 's').test(value)

/** One matcher on one leaf, where undefined stands for a field that the event does not have. */
const matchesOne = (matcher: Matcher, value: unknown): boolean => {
  if (typeof matcher === 'string') return value === matcher
  if ('exists' in matcher) return (value !== undefined) === matcher.exists
  if (typeof value !== 'string') return false
  if ('prefix' in matcher) return value.startsWith(matcher.prefix)
  if ('wildcard' in matcher) return matchesWildcard(matcher.wildcard, value)
  const other = matcher['anything-but']
  return Array.isArray(other) ? !other.includes(value) : !other.wildcard.some((pattern) => matchesWildcard(pattern, value))
}

/**
 * Whether EventBridge would take an event: every field of the pattern must match, of a field's matchers one is enough, and of `$or`
 * one alternative (EventBridge user guide, "Comparison operators"). Written after that page and not tried against AWS.
 */
export const matches = (pattern: Pattern, event: unknown): boolean =>
  Object.entries(pattern).every(([field, wanted]) => {
    if (field === '$or') return (wanted as Pattern[]).some((alternative) => matches(alternative, event))
    const value = typeof event === 'object' && event !== null ? (event as Record<string, unknown>)[field] : undefined
    return Array.isArray(wanted) ? (wanted as Matcher[]).some((matcher) => matchesOne(matcher, value)) : matches(wanted, value)
  })

const NAMES: Record<string, string> = { 'AWS::Partition': 'aws', 'AWS::Region': 'eu-central-1', 'AWS::AccountId': '123456789012' }

/** A value of the template with the ARNs that CloudFormation would put in; roles by the names that they are given. */
export const resolved = (value: unknown, nameOf: (role: string) => string): any => {
  if (Array.isArray(value)) return value.map((item) => resolved(item, nameOf))
  if (typeof value !== 'object' || value === null) return value
  const { 'Fn::Sub': text, 'Fn::GetAtt': attribute } = value as { 'Fn::Sub'?: string; 'Fn::GetAtt'?: string[] }
  if (text !== undefined) return text.replace(/\$\{([^}]*)\}/g, (_, name: string) => NAMES[name]!)
  if (attribute !== undefined) return `arn:aws:iam::123456789012:role/${nameOf(attribute[0]!)}`
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner, nameOf)]))
}

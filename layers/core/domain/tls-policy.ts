/** What a bucket's policy refuses to everybody, for every action. */
export interface Refused {
  /** of the bucket itself: listing, settings */
  bucket: boolean
  /** of every object in it */
  objects: boolean
}

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value])

/** IAM's wildcards: `*` for any text, `?` for one character; everything else, policy variables included, is taken literally. */
const matches = (pattern: string, text: string): boolean => {
  let at = 0
  let star = -1
  let resume = 0
  for (let index = 0; index < text.length;) {
    if (pattern[at] === '*') {
      star = at++
      resume = index
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[index])) {
      at++
      index++
    } else if (star >= 0) {
      // the star takes one character more; no text is tried twice in the same way, so a policy full of stars costs no more
      at = star + 1
      index = ++resume
    } else return false
  }
  return /^\**$/.test(pattern.slice(at))
}

/** Partitions differ in the ARN's second field only, and Amazon S3 takes no policy with another partition's ARN. */
const inOnePartition = (arn: string): string => arn.replace(/^arn:aws[a-z-]*:/, 'arn:aws:')

const coversBucket = (pattern: string, arn: string): boolean => matches(pattern, arn)

/** Whether a pattern takes in every key: it ends in `*`, and what stands before matches the bucket's ARN with its slash, or a beginning of it. */
const coversObjects = (pattern: string, arn: string): boolean => {
  if (!pattern.endsWith('*')) return false
  const before = pattern.replace(/\*+$/, '')
  const base = `${arn}/`
  for (let length = base.length; length >= 0; length--) if (matches(before, base.slice(0, length))) return true
  return false
}

const isEverybody = ({ Principal }: Json): boolean =>
  Principal === '*' || (isObject(Principal) && Object.keys(Principal).length === 1 && listOf(Principal.AWS).includes('*'))

const isEveryAction = ({ Action }: Json): boolean =>
  listOf(Action).some((action) => typeof action === 'string' && ['s3:*', '*'].includes(action.toLowerCase()))

/** Whether a statement's condition holds for all the requests in question; `holds` judges one operator, key and its values. */
const alwaysHolds = ({ Condition }: Json, holds: (operator: string, key: string, values: string[]) => boolean): boolean => {
  if (Condition === undefined) return true
  if (!isObject(Condition)) return false
  return Object.entries(Condition).every(
    ([operator, keys]) =>
      isObject(keys) && Object.entries(keys).every(([key, values]) => holds(operator, key.toLowerCase(), listOf(values).map(String))),
  )
}

const statementsOf = (policy: string | null): Json[] => {
  if (policy === null) return []
  try {
    const parsed: unknown = JSON.parse(policy)
    return isObject(parsed) ? listOf(parsed.Statement).filter(isObject) : []
  } catch {
    return []
  }
}

/**
 * Adds up the Deny statements that stand alone for everybody and every action. It knows the forms in which such statements are
 * written and takes any other for none: it may ask for a clearer policy, and never calls a policy stricter than it is.
 */
const refusedBy = (policy: string | null, bucket: string, holds: (operator: string, key: string, values: string[]) => boolean): Refused => {
  const arn = `arn:aws:s3:::${bucket}`
  const refused = { bucket: false, objects: false }
  for (const statement of statementsOf(policy)) {
    if (statement.Effect !== 'Deny' || 'NotPrincipal' in statement || 'NotAction' in statement || 'NotResource' in statement) continue
    if (!isEverybody(statement) || !isEveryAction(statement) || !alwaysHolds(statement, holds)) continue
    for (const resource of listOf(statement.Resource)) {
      if (typeof resource !== 'string') continue
      const pattern = inOnePartition(resource)
      refused.bucket ||= coversBucket(pattern, arn)
      refused.objects ||= coversObjects(pattern, arn)
    }
  }
  return refused
}

/** What the policy refuses of requests without TLS (aws:SecureTransport false). */
export const plaintextRefused = (policy: string | null, bucket: string): Refused =>
  refusedBy(
    policy,
    bucket,
    (operator, key, values) => /^Bool(IfExists)?$/.test(operator) && key === 'aws:securetransport' && values.includes('false'),
  )

/** What the policy refuses of requests over TLS below 1.2 (s3:TlsVersion; absent without TLS). */
export const oldTlsRefused = (policy: string | null, bucket: string): Refused =>
  refusedBy(
    policy,
    bucket,
    (operator, key, values) =>
      /^NumericLessThan(IfExists)?$/.test(operator) && key === 's3:tlsversion' && values.some((value) => Number(value) >= 1.2),
  )

/** A statement that refuses plaintext, to paste into a bucket's policy. */
export const tlsOnlyStatement = (bucket: string, partition = 'aws'): object => ({
  Sid: 'TlsOnly',
  Effect: 'Deny',
  Principal: '*',
  Action: 's3:*',
  Resource: [`arn:${partition}:s3:::${bucket}`, `arn:${partition}:s3:::${bucket}/*`],
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
})

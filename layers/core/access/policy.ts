/** An IAM policy document, as far as ours go. */
export interface Policy {
  Version: '2012-10-17'
  Statement: Statement[]
}

export interface Statement {
  Sid: string
  Effect: 'Allow' | 'Deny'
  Principal?: { AWS: string[] }
  Action?: string | string[]
  NotAction?: string[]
  Resource?: string | string[]
  Condition?: Record<string, Record<string, string | string[]>>
}

/** IAM compares dates to the second; fractions are cut off, so that a right never ends later than asked. */
export const iamTime = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`

/**
 * Text that IAM is to take literally in a Resource or Condition. A prefix may hold `*`, `?` or `${`, which IAM would take for
 * wildcards and variables and so widen the right (IAM user guide, "Policy variables": `${*}`, `${?}`, `${$}`).
 */
export const literal = (text: string): string => text.replace(/[*?$]/g, '${$&}')

/**
 * Whether two documents say the same. IAM may return a list of one as a string and principals in another order; lists in a
 * policy are sets, so nothing else is forgiven. A document that is no JSON equals none.
 */
export const samePolicy = (asked: Policy, found: string): boolean => {
  try {
    return canonical(asked) === canonical(JSON.parse(found))
  } catch {
    return false
  }
}

const canonical = (value: unknown): string => {
  if (Array.isArray(value)) {
    const items = value.map(canonical).sort()
    return items.length === 1 ? items[0]! : `[${items.join(',')}]`
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`)
    return `{${fields.sort().join(',')}}`
  }
  return JSON.stringify(value)
}

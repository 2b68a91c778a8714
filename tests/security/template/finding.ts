/** What a rule says of one resource. Two findings are the same when rule and resource are. */
export interface Finding {
  rule: string
  /** logical id, and what of it where that is not enough to tell two findings apart */
  resource: string
}

/** What the rules say of one template. */
export interface Verdicts {
  findings: Finding[]
  /** names of the rules that found something to look at, whatever they said of it */
  applied: Set<string>
}

export const textOf = ({ rule, resource }: Finding): string => `${rule}: ${resource}`

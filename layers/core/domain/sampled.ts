/** Rows shown in report.json; all of them stand in the file that is named beside them. */
export const SAMPLE = 20

/** How many rows there are, and the first of them. */
export interface Sampled<T> {
  count: number
  sample: T[]
}

export const noneSampled = <T>(): Sampled<T> => ({ count: 0, sample: [] })

export const addSample = <T>(sampled: Sampled<T>, row: T): void => {
  sampled.count++
  if (sampled.sample.length < SAMPLE) sampled.sample.push(row)
}

/** Kinds that are told apart: their names come from strangers (a metadata entry's, a tag's), and each object may have one of its own. */
export const KINDS = 100

/** The kind of all that is beyond KINDS. */
export const OTHERS = 'others'

/** Counts one of a kind. */
export const addKind = (kinds: Map<string, number>, kind: string): void => {
  const name = kinds.has(kind) || kinds.size < KINDS ? kind : OTHERS
  kinds.set(name, (kinds.get(name) ?? 0) + 1)
}

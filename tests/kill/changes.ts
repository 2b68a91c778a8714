import { contentOf, LARGE_KEYS, LARGE_OBJECT_BYTES, type Model } from './corpus'
import type { Random } from './random'

const MIB = 1024 * 1024

/** One object of the source becomes another one, or comes, or goes: `size` undefined. */
export interface Change {
  what: string
  key: string
  /** bytes */
  size: number | undefined
}

type Kind = (random: Random, model: Model) => Change | undefined

const smallKey = (random: Random, model: Model): string =>
  random.pick([...model].filter(([, { size }]) => size < LARGE_OBJECT_BYTES).map(([key]) => key))

const KINDS: Kind[] = [
  (random, model) => {
    const key = random.pick(LARGE_KEYS)
    return model.has(key) ? { what: 'large object replaced', key, size: random.pick([50, 36, 34]) * MIB } : undefined
  },
  (random, model) => {
    const key = random.pick(LARGE_KEYS)
    return model.has(key) ? { what: 'large object became small', key, size: 4000 } : undefined
  },
  (random, model) => {
    const key = random.pick(LARGE_KEYS)
    return model.has(key) ? { what: 'large object removed', key, size: undefined } : undefined
  },
  (random, model) => ({ what: 'small object replaced', key: smallKey(random, model), size: random.whole(0, 9000) }),
  (random, model) => ({ what: 'small object removed', key: smallKey(random, model), size: undefined }),
  (random) => ({ what: 'small object added', key: `added/${random.whole(0, 1e9)}`, size: random.whole(0, 9000) }),
]

/** A change of the source that fits what it holds. */
export const drawChange = (random: Random, model: Model): Change => {
  for (;;) {
    const change = random.pick(KINDS)(random, model)
    if (change) return change
  }
}

/** The source after the change. `version` must be new in the round. */
export const applyTo = (model: Model, { key, size }: Change, version: number): void => {
  if (size === undefined) model.delete(key)
  else model.set(key, contentOf(key, size, version))
}

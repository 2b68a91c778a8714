import type { Migration } from '../domain/migration'
import type { Outcome } from '../domain/outcomes'
import { readBytes } from '../domain/state-files'
import { shardKey } from '../domain/state-keys'
import { shardFromText } from '../domain/shards'
import { copyChain, isVersion, type VersionTurn } from './copy-chain'
import type { CopyTurn } from './copy-turn'
import { countOutcomes, endTurn, type CopyCounts } from './end-turn'
import { readOutcomes } from './outcome-files'
import { inPool } from './pool'
import { TagCarrier } from './tag-carrier'
import { matchChains, shardChains, type ShardChain } from './version-chains'

/** What the outcomes of earlier turns have shown of the destination. */
const shownBy = (outcomes: readonly Outcome[]): boolean | undefined => {
  if (outcomes.some(({ reason }) => reason === 'NoVersions')) return false
  return outcomes.some(({ outcome, destinationVersion }) => outcome === 'copied' && isVersion(destinationVersion)) || undefined
}

/**
 * Chains in groups that are worked on one after the other, the chains of a group side by side. One with a version in parts is alone: it
 * may take many turns, and an outcome is written only if there is one for every version before it.
 */
const sideBySide = (chains: readonly ShardChain[], largeObjectBytes: number): ShardChain[][] => {
  const groups: ShardChain[][] = []
  let open: ShardChain[] | undefined
  for (const chain of chains) {
    const alone = chain.versions.some(({ size }) => size >= largeObjectBytes)
    if (!alone && open !== undefined) open.push(chain)
    else groups.push([chain])
    open = alone ? undefined : groups.at(-1)
  }
  return groups
}

/**
 * One turn of a batch of versions: keys side by side, a key's versions one after the other. Goes on behind the outcomes that are
 * written, as `copyBatch` does. Two calls over the same shard at once (a twin, or a late retry) write some versions twice; the chain
 * at the destination then still holds the source's in order, unless the slower one writes an older version behind the newest:
 * verification finds that, and the next run mends it.
 */
export const copyVersions = async (migration: Migration, shard: string, call: CopyTurn): Promise<CopyCounts & { done: boolean }> => {
  const { state, destination, signal, now } = call
  const name = shardKey(migration.runId, shard)
  const { objects, after } = shardFromText((await readBytes(state, name, { signal })).body.toString('utf8'), name)
  const before = await readOutcomes(state, migration.runId, shard, { signal })
  const first = before.length
  const rest = objects.slice(first)
  if (rest.length === 0) return { ...countOutcomes([]), done: true }

  const turn: VersionTurn = {
    ...call,
    tags: new TagCarrier(migration, call.source, signal),
    keepsVersions: shownBy(before),
    goesOn: false,
  }
  const begun = now().getTime()
  const outcomes: (Outcome | undefined)[] = []
  let started = 0
  let stopped: { error: unknown } | undefined
  const chains = shardChains(objects).filter((chain) => chain.first + chain.versions.length > first)
  let behind = chains[0]!.first === 0 ? after : objects[chains[0]!.first - 1]!.key
  for (const group of sideBySide(chains, migration.limits.largeObjectBytes)) {
    if (started > 0 && !turn.going()) break
    const upTo = group.at(-1)!.key
    stopped = await inPool(
      matchChains(migration, destination, { after: behind, upTo }, group, { signal }),
      turn.concurrency,
      async ({ chain, found }) => {
        started++
        const done = before.slice(chain.first, chain.first + chain.versions.length)
        await copyChain(migration, chain, done, found, turn, (at, outcome) => {
          outcomes[chain.first + at - first] = outcome
          turn.heard(outcome.outcome, outcome.bytes)
        })
      },
      turn.going,
    ).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    if (!group.every((chain) => outcomes[chain.first + chain.versions.length - 1 - first] !== undefined)) break
    behind = upTo
  }
  return endTurn(migration, shard, call, { first, rest, outcomes, started, stopped, goesOn: turn.goesOn, begun })
}

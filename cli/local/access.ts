import {
  AccessNotOpened,
  CredentialsRefused,
  InvalidRequest,
  resourceName,
  type Access,
  type Credentials,
  type Grant,
  type Migration,
  type Observation,
  type Reach,
  destinationPrefix,
} from '@drayage/core'
import { foreignCredentials, type Side } from './foreign-credentials'
import { keyGrants } from './key-grants'
import type { EmbeddedS3, KeyGrant } from './s3-server/index'
import { tryKey, type Attempt } from './try-key'

/** What a key of a run is for. A run has at most one of each. */
type Use = 'write' | 'abort' | 'verify' | 'source'

const WORDS: Record<Use, string> = { write: 'write', abort: 'abort uploads', verify: 'list the destination', source: 'read the source' }

/** The keys of one run. Their secrets are here and nowhere else, and end with the process. */
interface RunKeys {
  active: Map<Use, Credentials>
  /** kept to show that they are refused */
  ended: Map<Use, Credentials>
  /** no new key for these, whoever asks */
  over: Set<Use>
}

export interface LocalAccess extends Access {
  /** Asks for the operator's credentials of both sides. Throws InvalidRequest with a line per side that has none. */
  checkCredentials(migration: Migration): Promise<void>
  /** Uses every key that this run had, as a holder of it would. */
  tryEnded(migration: Migration): Promise<Observation[]>
}

export interface LocalAccessOptions {
  server: EmbeddedS3
  now(): Date
  /** the operator's credentials for foreign stores are read from here */
  env?: NodeJS.ProcessEnv
}

/**
 * Access on one machine: keys of the embedded server, each limited to a bucket, a prefix and a time. At a foreign store nothing
 * is created: there the operator's own credentials are used, and the closure says so.
 */
export const localAccess = ({ server, now, env = process.env }: LocalAccessOptions): LocalAccess => {
  const runs = new Map<string, RunKeys>()
  const keysOf = ({ runId }: Migration): RunKeys => {
    const known = runs.get(runId) ?? { active: new Map(), ended: new Map(), over: new Set() }
    runs.set(runId, known)
    return known
  }

  const issue = (migration: Migration, use: Use): Credentials => {
    const keys = keysOf(migration)
    const active = keys.active.get(use)
    if (active !== undefined) return active
    if (keys.over.has(use)) throw new CredentialsRefused(`the run ${migration.runId} has ended its key to ${WORDS[use]}`)
    const issued = server.issueKey(keyGrant(migration, use))
    keys.active.set(use, issued)
    return issued
  }

  const end = async (migration: Migration, use: Use): Promise<void> => {
    const keys = keysOf(migration)
    keys.over.add(use)
    const key = keys.active.get(use)
    if (key === undefined) return
    keys.active.delete(use)
    keys.ended.set(use, key)
    await server.revokeKey(key.accessKeyId)
  }

  const observe = async (migration: Migration, use: Use, key: Credentials): Promise<Observation> => {
    const { answer, call, refused } = await attempt(server, migration, use, key)
    return { kind: 'key', name: `${resourceName(migration.runId)}/${use}`, call, answer, closed: refused, at: now().toISOString() }
  }

  const observeEnded = async (migration: Migration, uses: readonly Use[]): Promise<Observation[]> => {
    const observations: Observation[] = []
    for (const [use, key] of keysOf(migration).ended) if (uses.includes(use)) observations.push(await observe(migration, use, key))
    return observations
  }

  const own = (grant: Grant, { runId }: Migration): void => {
    if (grant.kind !== 'key' || grant.name !== resourceName(runId))
      throw new AccessNotOpened(`${grant.kind} ${grant.name} is not of the run ${runId}`)
  }

  const embedded = (credentials: () => Credentials, region: string): Reach => ({
    endpoint: server.endpoint,
    region,
    credentials: async () => credentials(),
  })

  const foreign = (side: Side, migration: Migration): Reach => {
    const place = migration[side]
    return { endpoint: place.endpoint ?? undefined, region: place.region, credentials: foreignCredentials(side, place, env).provider }
  }

  return {
    checkCredentials: async (migration) => {
      const problems: string[] = []
      for (const side of ['source', 'destination'] as const) {
        if (migration[side].endpoint === 'embedded') continue
        try {
          await foreignCredentials(side, migration[side], env).provider()
        } catch (error) {
          if (!(error instanceof CredentialsRefused)) throw error
          problems.push(error.message)
        }
      }
      if (problems.length > 0) throw new InvalidRequest(problems)
    },

    plan: keyGrants,

    create: async (grant, migration) => {
      own(grant, migration)
      issue(migration, 'write')
    },

    confirm: async (grant, migration) => {
      own(grant, migration)
      const key = keysOf(migration).active.get('write')
      const state = key === undefined ? 'unknown' : server.keyState(key.accessKeyId)
      if (state !== 'active') throw new AccessNotOpened(`the embedded server says of key ${grant.name}: ${state}`)
    },

    suspend: async (grant, migration) => {
      own(grant, migration)
      await end(migration, 'write')
      if (!keysOf(migration).over.has('abort')) issue(migration, 'abort')
    },

    remove: async (grant, migration) => {
      own(grant, migration)
      for (const use of ['write', 'abort', 'verify'] as const) await end(migration, use)
    },

    prove: async (grant, migration) => {
      own(grant, migration)
      const seen = await observeEnded(migration, ['write', 'abort', 'verify'])
      const at = now().toISOString()
      const first = seen.find(({ closed }) => !closed) ?? seen[0]
      if (first !== undefined) return { ...first, name: grant.name }
      return {
        kind: 'key',
        name: grant.name,
        call: 'none',
        answer: 'the embedded server has issued no key of this run since it was started',
        closed: true,
        at,
      }
    },

    endCredential: async (migration) => {
      await end(migration, 'source')
      const observations = await observeEnded(migration, ['source'])
      for (const side of ['source', 'destination'] as const) {
        if (migration[side].endpoint === 'embedded') continue
        const { from } = foreignCredentials(side, migration[side], env)
        const answer = `the ${side}'s credentials came from ${from}: nothing was created there, and ending them is yours`
        observations.push({ kind: 'credential', name: side, call: 'none', answer, closed: true, at: now().toISOString() })
      }
      return observations
    },

    source: async (migration) =>
      migration.source.endpoint === 'embedded'
        ? embedded(() => issue(migration, 'source'), migration.source.region)
        : foreign('source', migration),

    destination: async (migration, use) => {
      if (migration.destination.endpoint !== 'embedded') return foreign('destination', migration)
      return embedded(() => {
        if (use === 'read') return issue(migration, 'verify')
        const { active } = keysOf(migration)
        const key = active.get('write') ?? active.get('abort')
        if (key === undefined) throw new CredentialsRefused(`the run ${migration.runId} has no key to write with`)
        return key
      }, migration.destination.region)
    },

    tryEnded: (migration) => observeEnded(migration, ['write', 'abort', 'verify', 'source']),
  }
}

const keyGrant = (migration: Migration, use: Use): KeyGrant => {
  const expiresAt = new Date(migration.access.expiresAt)
  if (use === 'source') return { bucket: migration.source.bucket, prefix: migration.source.prefix, allow: 'read', expiresAt }
  const allow = ({ write: 'write', abort: 'abort', verify: 'list' } as const)[use]
  return { bucket: migration.destination.bucket, prefix: destinationPrefix(migration).toString('utf8'), allow, expiresAt }
}

const attempt = (server: EmbeddedS3, migration: Migration, use: Use, credentials: Credentials): Promise<Attempt> => {
  const reach = { endpoint: server.endpoint, credentials }
  if (use === 'source') {
    const { region, bucket, prefix } = migration.source
    return tryKey('s3:ListObjectsV2', { ...reach, region, bucket, key: Buffer.from(prefix) })
  }
  const { region, bucket } = migration.destination
  const probe = Buffer.concat([destinationPrefix(migration), Buffer.from('drayage-ended-key')])
  return tryKey(use === 'verify' ? 's3:ListObjectsV2' : 's3:PutObject', { ...reach, region, bucket, key: probe })
}

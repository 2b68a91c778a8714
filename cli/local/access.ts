import {
  AccessNotOpened,
  CredentialsRefused,
  InvalidRequest,
  resourceName,
  type Access,
  type Credentials,
  type Grant,
  type Held,
  type Migration,
  type Observation,
  type Reach,
  type Use,
  destinationPrefix,
  useName,
  USES,
} from '@drayage/core'
import { foreignCredentials, type Side } from './foreign-credentials'
import { keyGrants } from './key-grants'
import type { EmbeddedS3, KeyGrant } from './s3-server/index'
import { tryKey, type Attempt } from './try-key'

/** What a key of a run is for: its two grants, and what it reads an embedded source with. A run has at most one of each. */
type KeyUse = Use | 'source'

const WORDS: Record<KeyUse, string> = { write: 'write', verify: 'read the destination', source: 'read the source' }

/** The keys of one run. Their secrets are here and nowhere else, and end with the process. */
interface RunKeys {
  active: Map<KeyUse, Credentials>
  /** kept to show that they are refused */
  ended: Map<KeyUse, Credentials>
  /** no new key for these, whoever asks */
  over: Set<KeyUse>
}

export interface LocalAccess extends Access {
  /** Asks for the operator's credentials of both sides. Throws InvalidRequest with a line per side that has none. */
  checkCredentials(migration: Migration): Promise<void>
  /** Uses every key that this run has, as a holder of it would; `closed`: it was refused. */
  tryActive(migration: Migration): Promise<Observation[]>
  /** The same with every key that it had. */
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
  /** by key id: whose key it is */
  const owners = new Map<string, { runId: string; name: string }>()
  const keysOf = ({ runId }: Migration): RunKeys => {
    const known = runs.get(runId) ?? { active: new Map(), ended: new Map(), over: new Set() }
    runs.set(runId, known)
    return known
  }

  const issue = (migration: Migration, use: KeyUse, suspended = false): Credentials => {
    const keys = keysOf(migration)
    const active = keys.active.get(use)
    if (active !== undefined) return active
    if (keys.over.has(use)) throw new CredentialsRefused(`the run ${migration.runId} has ended its key to ${WORDS[use]}`)
    const issued = server.issueKey({ ...keyGrant(migration, use), ...(suspended && { allow: 'abort' }) })
    keys.active.set(use, issued)
    owners.set(issued.accessKeyId, { runId: migration.runId, name: keyName(migration, use) })
    return issued
  }

  const end = async (migration: Migration, use: KeyUse): Promise<Observation> => {
    const keys = keysOf(migration)
    keys.over.add(use)
    const key = keys.active.get(use)
    if (key === undefined) return observe(migration, use, 'none', NOT_ISSUED, true)
    keys.active.delete(use)
    keys.ended.set(use, key)
    await server.revokeKey(key.accessKeyId)
    return observe(migration, use, 'revokeKey', server.keyState(key.accessKeyId), true)
  }

  const observe = (migration: Migration, use: KeyUse, call: string, answer: string, closed: boolean): Observation => ({
    kind: 'key',
    name: keyName(migration, use),
    call,
    answer,
    closed,
    at: now().toISOString(),
  })

  const tryOut = async (migration: Migration, use: KeyUse, key: Credentials): Promise<Observation> => {
    const { answer, call, refused } = await attempt(server, migration, use, key)
    return observe(migration, use, call, answer, refused)
  }

  const tryEach = async (migration: Migration, keys: ReadonlyMap<KeyUse, Credentials>): Promise<Observation[]> => {
    const observations: Observation[] = []
    for (const [use, key] of keys) observations.push(await tryOut(migration, use, key))
    return observations
  }

  /** The use of a grant. Throws AccessNotOpened for one that is not this run's. */
  const useOf = ({ kind, name }: Grant, { runId }: Migration): Use => {
    const use = USES.find((one) => kind === 'key' && name === useName(runId, one))
    if (use === undefined) throw new AccessNotOpened(`${kind} ${name} is not of the run ${runId}`)
    return use
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

    create: async (grant, migration) => void issue(migration, useOf(grant, migration)),

    confirm: async (grant, migration) => {
      const key = keysOf(migration).active.get(useOf(grant, migration))
      const state = key === undefined ? 'unknown' : server.keyState(key.accessKeyId)
      if (state !== 'active') throw new AccessNotOpened(`the embedded server says of key ${grant.name}: ${state}`)
    },

    suspend: async (grant, migration) => {
      const use = useOf(grant, migration)
      const keys = keysOf(migration)
      if (keys.over.has(use)) return [observe(migration, use, 'none', 'it has been revoked', true)]
      const key = keys.active.get(use)
      if (key !== undefined) {
        await server.suspendKey(key.accessKeyId)
        return [observe(migration, use, 'suspendKey', 'it may only list and abort uploads', true)]
      }
      // The run's process is gone and its keys with it: what it left open is still to be aborted.
      if (use === 'write') issue(migration, use, true)
      return [observe(migration, use, 'none', NOT_ISSUED, true)]
    },

    remove: async (grant, migration) => [await end(migration, useOf(grant, migration))],

    prove: async (grant, migration) => {
      const use = useOf(grant, migration)
      const key = keysOf(migration).ended.get(use)
      if (key !== undefined) return [await tryOut(migration, use, key)]
      const active = keysOf(migration).active.has(use)
      return [observe(migration, use, 'none', active ? 'it still works' : NOT_ISSUED, !active)]
    },

    // There is no secret here: the keys are the embedded server's own or the operator's.
    checkCredential: async () => undefined,
    credentialTodo: async () => [],
    inventory: async () => server.activeKeys().map((id): Held => ({ kind: 'key', name: owners.get(id)?.name ?? id })),

    ownerOf: async ({ name }) => [...owners.values()].find((owner) => owner.name === name)?.runId,

    endCredential: async (migration) => {
      const observations: Observation[] = []
      if (migration.source.endpoint === 'embedded') {
        observations.push(await end(migration, 'source'))
        const key = keysOf(migration).ended.get('source')
        if (key !== undefined) observations.push(await tryOut(migration, 'source', key))
      }
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
        const of = use === 'read' ? 'verify' : 'write'
        const key = keysOf(migration).active.get(of)
        if (key === undefined) throw new CredentialsRefused(`the run ${migration.runId} has no key to ${WORDS[of]}`)
        return key
      }, migration.destination.region)
    },

    tryActive: (migration) => tryEach(migration, keysOf(migration).active),
    tryEnded: (migration) => tryEach(migration, keysOf(migration).ended),
  }
}

const NOT_ISSUED = 'the embedded server has issued no such key since it was started'

const keyName = ({ runId }: Migration, use: KeyUse): string => `${resourceName(runId)}-${use}`

const keyGrant = (migration: Migration, use: KeyUse): KeyGrant => {
  const expiresAt = new Date(migration.access.expiresAt)
  if (use === 'source') {
    const { bucket, prefix } = migration.source
    return { bucket, prefix, allow: 'read', ...(migration.restore.archived && { also: ['restore'] }), expiresAt }
  }
  const allow = ({ write: 'write', verify: 'read' } as const)[use]
  const grant = { bucket: migration.destination.bucket, prefix: destinationPrefix(migration).toString('utf8'), allow, expiresAt }
  return use === 'write' && migration.carry.versions === 'all' ? { ...grant, also: ['mark'] } : grant
}

const attempt = (server: EmbeddedS3, migration: Migration, use: KeyUse, credentials: Credentials): Promise<Attempt> => {
  const reach = { endpoint: server.endpoint, credentials }
  if (use === 'source') {
    const { region, bucket, prefix } = migration.source
    return tryKey('s3:ListObjectsV2', { ...reach, region, bucket, key: Buffer.from(prefix) })
  }
  const { region, bucket } = migration.destination
  // Below the prefix that the key is for: a listing of another one would be refused whatever the key's state.
  const probe = Buffer.concat([destinationPrefix(migration), Buffer.from('drayage-tried-key')])
  return tryKey(use === 'verify' ? 's3:ListObjectsV2' : 's3:PutObject', { ...reach, region, bucket, key: probe })
}

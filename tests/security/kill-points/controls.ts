import type { Grant, Migration, ObjectStore, Observation, Services } from '@drayage/core'

/** A Cleanup of which one step is left out, and which says all the same that it was done; and what the judge must find of it. */
interface Control {
  spoilt(services: Services): Services
  expected: string
}

const claimed = ({ kind, name }: Pick<Grant, 'kind' | 'name'>): Observation[] => [
  { kind, name, call: 'none', answer: 'claimed', closed: true, at: new Date(0).toISOString() },
]

const withAccess = (services: Services, change: Partial<Services['access']>): Services => ({
  ...services,
  access: { ...services.access, ...change },
})

/** The same store, but for writes that `drops` names. */
const dropping = (store: ObjectStore, drops: (key: string, body: string) => boolean): ObjectStore => ({
  ...store,
  put: async (key, body, options) =>
    drops(key.toString(), Buffer.isBuffer(body) ? body.toString('utf8') : '')
      ? { etag: '"claimed"', crc32: '' }
      : store.put(key, body, options),
})

const leavesRole = (services: Services, which: (grant: Grant) => boolean): Services => {
  const { remove, prove, inventory } = services.access
  return withAccess(services, {
    remove: async (grant: Grant, migration: Migration) => (which(grant) ? claimed(grant) : remove(grant, migration)),
    prove: async (grant: Grant, migration: Migration) => (which(grant) ? claimed(grant) : prove(grant, migration)),
    inventory: async () => (await inventory()).filter(({ name }) => name === 'bystander'),
  })
}

const isSignature = (key: Buffer): boolean => key.toString().endsWith('/certificate.sig')

/** A signature file whose statement names another hash. */
const ofAnother = (body: Buffer): Buffer => Buffer.from(body.toString('utf8').replace(/(sha256\\":\\")[0-9a-f]{8}/, '$100000000'))

/** One control for each step of Cleanup that changes something. */
export const AWS_CONTROLS: Record<string, Control> = {
  'stop the execution': {
    spoilt: (services) => ({ ...services, executions: { ...services.executions, stop: async () => 'claimed' } }),
    expected: 'the execution, which still runs',
  },
  // It makes no claim of its own: that a write is refused cannot be claimed, only seen.
  'suspend the access': {
    spoilt: (services) => withAccess(services, { suspend: async (grant) => claimed(grant) }),
    expected: 'no certificate',
  },
  'abort uploads': {
    spoilt: (services) => ({
      ...services,
      destination: async (migration, use) => ({
        ...(await services.destination(migration, use)),
        listUploads: async () => [],
        abortUpload: async () => undefined,
      }),
    }),
    expected: 'an open upload of',
  },
  'delete the write role': { spoilt: (services) => leavesRole(services, ({ name }) => name.endsWith('-write')), expected: '-write' },
  'delete the verify role': { spoilt: (services) => leavesRole(services, ({ name }) => name.endsWith('-verify')), expected: '-verify' },
  'end the credential': {
    spoilt: (services) => withAccess(services, { endCredential: async () => claimed({ kind: 'key', name: 'secret' }) }),
    expected: 'the secret',
  },
  'delete the schedule': { spoilt: (services) => leavesRole(services, ({ kind }) => kind === 'schedule'), expected: 'the schedule' },
  'release the lock': {
    spoilt: (services) => ({ ...services, state: dropping(services.state, (key) => key.startsWith('pairs/')) }),
    expected: 'the lock, held by',
  },
  'write the certificate': {
    spoilt: (services) => ({ ...services, state: dropping(services.state, (key) => key.endsWith('/certificate.json')) }),
    expected: 'no certificate',
  },
  'sign what it certifies': {
    spoilt: (services) => ({
      ...services,
      state: {
        ...services.state,
        put: (key, body, options) => services.state.put(key, isSignature(key) ? ofAnother(body as Buffer) : body, options),
      },
    }),
    expected: 'another document than the signed one',
  },
}

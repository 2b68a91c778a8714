import { useName, USES, type Grant, type Migration, type Use } from '@drayage/core'

const purposes = ({ destination, carry, access }: Migration): Record<Use, string> => ({
  write: `writes${carry.versions === 'all' ? ', and puts delete markers,' : ''} to the bucket ${destination.bucket} of the embedded server, until ${access.expiresAt} at the latest`,
  verify: `lists and reads the bucket ${destination.bucket} of the embedded server, until ${access.expiresAt} at the latest`,
})

/** What a run creates for its access on one machine: two keys of the embedded server, and nothing at a foreign destination. */
export const keyGrants = (migration: Migration): Grant[] =>
  migration.destination.endpoint === 'embedded'
    ? USES.map((use) => ({ kind: 'key', name: useName(migration.runId, use), purpose: purposes(migration)[use] }))
    : []

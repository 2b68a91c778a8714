import { resourceName, type Grant, type Migration } from '@drayage/core'

/** What a run creates for its access on one machine: a key of the embedded server, and nothing at a foreign destination. */
export const keyGrants = (migration: Migration): Grant[] =>
  migration.destination.endpoint === 'embedded'
    ? [
        {
          kind: 'key',
          name: resourceName(migration.runId),
          purpose: `writes to the bucket ${migration.destination.bucket} of the embedded server, until ${migration.access.expiresAt} at the latest`,
        },
      ]
    : []

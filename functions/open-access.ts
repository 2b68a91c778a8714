import { lambda, openAccess as open, type Migration, type Step } from '@drayage/core'

/** Takes the pair's lock, writes what it is about to create, and creates it. */
export const openAccess: Step<{ migration: Migration }, { grants: number; expiresAt: string }> = ({ migration }, { services, deadline }) =>
  open(migration, { ...services, signal: deadline.signal })

export const handler = lambda(openAccess)

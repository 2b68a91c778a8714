import { lambda, parseRequest, type Migration, type Step } from '@drayage/core'

interface Event {
  request: unknown
  execution: { id: string; name: string }
}

/**
 * Parses the input once; every default is set there. Creates nothing. The one-machine runtime alone takes endpoints. On AWS the
 * source's credential is read here too, so that a request outside its bounds is refused before anything exists.
 */
export const validateRequest: Step<Event, Migration> = async ({ request, execution }, { services }) => {
  const migration = parseRequest(request, {
    runtime: services.runtime,
    runId: execution.name,
    executionId: execution.id,
    now: services.now(),
    stage: services.stage,
  })
  await services.access.checkCredential(migration)
  return migration
}

export const shape = {
  runId: 'string',
  dryRun: 'boolean',
  'restore.archived': 'boolean',
  'limits.batches': 'integer',
  'limits.largeObjects': 'integer',
  'limits.toleratedFailures': 'integer',
  'shards.batches': 'string',
  'shards.large': 'string',
} as const

export const handler = lambda(validateRequest, shape)

import { lambda, readJson, runPreflight, stateKeys, warningCount, type AccessFile, type Migration, type Step } from '@drayage/core'

/**
 * Reads the run's access back, judges the destination by what the objects are, and proves that it can be written to, leaving
 * nothing there.
 */
export const preflight: Step<
  { migration: Migration },
  { grants: number; warnings: number; sourceRefusesWrongEtag: boolean | null; writingSince: string }
> = async ({ migration }, { services, deadline }) => {
  const { signal } = deadline
  const { access, stage, state, runtime, now } = services
  const { grants } = (await readJson<AccessFile>(state, stateKeys(migration.runId).access, { signal })).value
  for (const grant of grants) await access.confirm(grant, migration)
  const found = await runPreflight(migration, {
    ...{ state, runtime, now, signal, vpc: stage?.vpc, grants: grants.length },
    open: (side) => (side === 'source' ? services.source(migration) : services.destination(migration, 'write')),
    reading: () => services.destination(migration, 'read'),
    settings: () => services.settings(migration, { signal }),
    sourceEndpoint: async () =>
      migration.source.credential === null ? migration.source.endpoint : ((await access.source(migration)).endpoint ?? null),
  })
  const { sourceRefusesWrongEtag, writingSince } = found.probes
  return { grants: grants.length, warnings: warningCount(found), sourceRefusesWrongEtag, writingSince }
}

export const shape = { writingSince: 'string' } as const

export const handler = lambda(preflight, shape)

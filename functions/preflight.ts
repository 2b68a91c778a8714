import { lambda, readJson, runPreflight, stateKeys, warningCount, type AccessFile, type Migration, type Step } from '@drayage/core'

/**
 * Reads the run's access back, judges the destination by what the objects are, and proves that it can be written to, leaving
 * nothing there.
 */
export const preflight: Step<
  { migration: Migration },
  { grants: number; warnings: number; sourceRefusesWrongEtag: boolean | null }
> = async ({ migration }, { services, deadline }) => {
  const { signal } = deadline
  const { access, stage, state, runtime, now } = services
  const { grants } = (await readJson<AccessFile>(state, stateKeys(migration.runId).access, { signal })).value
  for (const grant of grants) await access.confirm(grant, migration)
  const found = await runPreflight(migration, {
    ...{ state, runtime, now, signal, vpc: stage?.vpc, grants: grants.length },
    open: (side) => (side === 'source' ? services.source(migration) : services.destination(migration, 'write')),
    settings: () => services.settings(migration, { signal }),
    sourceEndpoint: async () =>
      migration.source.credential === null ? migration.source.endpoint : ((await access.source(migration)).endpoint ?? null),
  })
  return { grants: grants.length, warnings: warningCount(found), sourceRefusesWrongEtag: found.probes?.sourceRefusesWrongEtag ?? null }
}

export const handler = lambda(preflight)

import {
  lambda,
  placeProblems,
  PreflightFailed,
  probeSource,
  probeWriting,
  type AccessFile,
  type Migration,
  type Step,
  readJson,
  stateKeys,
} from '@drayage/core'

/** Reads the run's access back, reaches both sides, and proves that the destination can be written to, leaving nothing there. */
export const preflight: Step<{ migration: Migration }, { grants: number; sourceRefusesWrongEtag: boolean | null }> = async (
  { migration },
  { services, deadline },
) => {
  const { signal } = deadline
  const { grants } = (await readJson<AccessFile>(services.state, stateKeys(migration.runId).access, { signal })).value
  for (const grant of grants) await services.access.confirm(grant, migration)
  const destination = () => services.destination(migration, 'write')
  const problems = await placeProblems(migration, (side) => (side === 'source' ? services.source(migration) : destination()), signal)
  if (problems.length > 0) throw new PreflightFailed(problems.join('\n'))
  await probeWriting(migration, await destination(), signal)
  const { ifMatch } = await probeSource(migration, await services.source(migration), signal)
  return { grants: grants.length, sourceRefusesWrongEtag: ifMatch }
}

export const handler = lambda(preflight)

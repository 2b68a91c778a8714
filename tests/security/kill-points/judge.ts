import type { Closure } from '@drayage/core'
import { isNamedBy, resourceName, useName } from '../../../layers/core/access/names'
import { findJson, listNames, readBytes } from '../../../layers/core/domain/state-files'
import { pairKey, stateKeys } from '../../../layers/core/domain/state-keys'
import { certificateFault } from '../../support/certificate-fault'
import { DESTINATION, type Ground, type Run } from './ground'

interface LockFile {
  holder: { runId: string } | null
}

/** What a certificate and the record beside it lack. `written`: how often its PUT was answered well. */
export const certificateFaults = async (state: Ground['state'], runId: string, written: number): Promise<string[]> => {
  const keys = stateKeys(runId)
  const names = await listNames(state, keys.run)
  if (!names.includes(keys.certificate)) return ['no certificate']
  if (!names.includes(keys.certificateSignature)) return ['a certificate without its signature']
  const [certificate, signature] = [
    (await readBytes(state, keys.certificate)).body,
    (await readBytes(state, keys.certificateSignature)).body,
  ]
  const fault = certificateFault(certificate, signature)
  const closure = (await findJson<Closure>(state, keys.closure))?.value
  return [
    ...(fault === undefined ? [] : [`the certificate: ${fault}`]),
    ...(written === 1 ? [] : [`the certificate was written ${written} times`]),
    ...(closure?.complete ? [] : ['closure.json is not complete']),
  ]
}

/** What is left of a run that is to be over, by moto's own answers. */
const remains = async (ground: Ground, run: Run, written: number): Promise<string[]> => {
  const { migration, secret } = run
  const { runId, pair } = migration
  const keys = stateKeys(runId)
  const [roles, schedules, files] = await Promise.all([ground.roles(), ground.schedules(), listNames(ground.state, keys.run)])
  const lock = (await findJson<LockFile>(ground.state, pairKey(pair)))?.value
  const opened = files.includes(keys.access)
  const uploads = (await ground.destination.listUploads(Buffer.from('from/'))).filter(({ uploadId }) => uploadId !== ground.strangersUpload)
  const given: string[] = []
  for (const use of ['write', 'verify'] as const)
    if (await ground.guard.gives(`role/drayage/dev/${useName(runId, use)}`, runId)) given.push(use)
  return [
    ...roles.filter((name) => isNamedBy(runId, name)).map((name) => `the role ${name}`),
    ...schedules.filter((name) => isNamedBy(runId, name)).map((name) => `the schedule ${name}`),
    ...uploads.map(({ key }) => `an open upload of ${key.toString()}`),
    ...(lock?.holder ? [`the lock, held by ${lock.holder.runId}`] : []),
    ...given.map((use) => `a session of the ${use} role`),
    ...((await ground.runs(run)) ? ['the execution, which still runs'] : []),
    // A run that came to no record has created nothing and used no credential, which may be another run's too.
    ...((await ground.hasSecret(secret)) === opened ? [opened ? 'the secret' : 'no secret, though the run had opened nothing'] : []),
    // Of a run that neither took a lock nor wrote a record the sweep knows nothing, and there is nothing to know.
    ...(lock === undefined && !opened ? [] : await certificateFaults(ground.state, runId, written)),
  ].map((words) => `${runId}: ${words}`)
}

/** What happened to those that nobody may touch. */
const touched = async (ground: Ground): Promise<string[]> => {
  const other = await ground.otherRun()
  const { runId, pair } = other.migration
  const roles = await ground.roles()
  const wanted = ['bystander', useName(runId, 'write'), useName(runId, 'verify')]
  const lock = (await findJson<LockFile>(ground.state, pairKey(pair)))?.value
  const suspended: string[] = []
  for (const name of wanted) if (roles.includes(name) && (await ground.policies(name)).includes('drayage-suspend')) suspended.push(name)
  return [
    ...wanted.filter((name) => !roles.includes(name)).map((name) => `the role ${name} is gone`),
    ...suspended.map((name) => `the role ${name} was suspended`),
    ...((await ground.schedule('bystander')) === undefined ? ['the schedule bystander is gone'] : []),
    ...((await ground.schedule(resourceName(runId))) === undefined ? ["another run's schedule is gone"] : []),
    ...((await ground.hasSecret('drayage/dev/bystander')) ? [] : ['the secret bystander is gone']),
    ...((await ground.hasSecret(other.secret)) ? [] : ["another run's secret is gone"]),
    ...(lock?.holder?.runId === runId ? [] : ["another run's lock is gone"]),
    ...((await ground.runs(other)) ? [] : ["another run's execution was stopped"]),
    ...((await ground.destination.listUploads(Buffer.from('from/'))).some(({ uploadId }) => uploadId === ground.strangersUpload)
      ? []
      : [`the stranger's upload in ${DESTINATION} is gone`]),
  ]
}

/** Everything that is not as it must be once a run was closed. */
export const faultsOf = async (ground: Ground, run: Run, written: number): Promise<string[]> => [
  ...(await remains(ground, run, written)),
  ...(await touched(ground)),
]

/** Roles and schedules that are neither a bystander's nor of the run that still goes on. */
export const orphansOf = async (ground: Ground): Promise<number> => {
  const { runId } = (await ground.otherRun()).migration
  return [...(await ground.roles()), ...(await ground.schedules())].filter((name) => name !== 'bystander' && !isNamedBy(runId, name)).length
}

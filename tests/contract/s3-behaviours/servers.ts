import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedS3, type IssuedKey } from '../../../cli/local/s3-server/index'
import { clientOf } from '../../support/embedded-client'
import { startMoto } from '../../support/moto'
import { differenceOf, S3_BEHAVIOURS } from './index'

/** What one server did: by the name of each behaviour, what it did instead; undefined: the same as S3. */
export type Seen = ReadonlyMap<string, string | undefined>

/** moto answers these now one way, now another: its threads share what they write without a lock. */
const CHANGES_IN_MOTO = [
  'of eight PUTs at once one is there afterwards, whole and with its own ETag',
  'of eight PUTs at once with If-None-Match: * one is accepted, and the others learn it',
]

const ask = async (endpoint: string, key: IssuedKey): Promise<Seen> => {
  const client = clientOf(endpoint, key)
  const seen = new Map<string, string | undefined>()
  try {
    for (const behaviour of S3_BEHAVIOURS) seen.set(behaviour.name, await differenceOf(behaviour, { endpoint, key, client }))
    return seen
  } finally {
    client.destroy()
  }
}

export const askEmbedded = async (): Promise<Seen> => {
  const directory = await mkdtemp(join(tmpdir(), 'drayage-behaviours-'))
  const server = await startEmbeddedS3({ directory })
  try {
    return await ask(server.endpoint, server.root)
  } finally {
    await server.close()
    await rm(directory, { recursive: true, force: true })
  }
}

export const askMoto = async (): Promise<Seen> => {
  const moto = await startMoto()
  try {
    const seen = await ask(moto.endpoint, moto.settings.credentials)
    return new Map([...seen, ...CHANGES_IN_MOTO.map((name) => [name, 'differs from run to run'] as const)])
  } finally {
    await moto.stop()
  }
}

export const motoVersion = (): string =>
  spawnSync('python3', ['-c', 'import moto; print(moto.__version__)'], { encoding: 'utf8' }).stdout.trim()

/** The version of a package of this repository, or of the repository itself. */
export const versionOf = async (...place: string[]): Promise<string> => {
  const text = await readFile(join(import.meta.dirname, '..', '..', '..', ...place, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

import type { IssuedKey } from '../../cli/local/s3-server/index'
import { codeOf, sendSigned } from '../support/embedded-client'
import type { Violation } from './inspect'
import { SOURCE } from './places'

/** Uses every key that the dead processes had, by name: their secrets died with them, and a server that knew the name would say so. */
export const tryKeys = async (endpoint: string, keyIds: ReadonlySet<string>): Promise<Violation[]> => {
  const found: Violation[] = []
  for (const accessKeyId of keyIds) {
    const key: IssuedKey = { accessKeyId, secretAccessKey: 'not-the-secret' }
    const code = codeOf(await sendSigned(endpoint, key, { method: 'GET', path: `/${SOURCE}`, query: 'list-type=2' }))
    if (code !== 'InvalidAccessKeyId') found.push({ kind: 'key of a dead run', detail: `${accessKeyId}: ${code || 'accepted'}` })
  }
  return found
}

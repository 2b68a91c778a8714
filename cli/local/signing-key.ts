import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { SigningFailed, type Signer } from '@drayage/core'

/** What signatures made on one machine name as their key. */
export const LOCAL_KEY = 'local'

/**
 * A signer over a P-256 key in a file, made at its first use and readable by its owner only. Whoever holds the state folder holds
 * the key: it shows that nothing was changed by accident, and by nobody without the folder. Throws SigningFailed for a file that
 * holds no such key.
 */
export const localSigner = (file: string): Signer => ({
  key: LOCAL_KEY,
  sign: async (statement) => {
    const key = keyIn(file)
    return {
      algorithm: 'ECDSA_SHA_256',
      key: LOCAL_KEY,
      publicKey: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
      signature: sign('sha256', statement, { key, dsaEncoding: 'der' }).toString('base64'),
    }
  },
})

const keyIn = (file: string): KeyObject => {
  const found = read(file) ?? make(file)
  try {
    const key = createPrivateKey(found)
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  } catch {
    // Said below, without what the file holds.
  }
  throw new SigningFailed(`${file} holds no P-256 key: move it away, and the next certificate is signed with a new one`)
}

const read = (file: string): Buffer | undefined => {
  try {
    return readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new SigningFailed(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error })
  }
}

/** Written whole beside its place and then linked there: a process that is killed leaves no half key, and a second one takes the first one's. */
const make = (file: string): Buffer => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const beside = `${file}.${randomUUID()}`
  writeFileSync(beside, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' })
  try {
    linkSync(beside, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(beside)
  }
  return readFileSync(file)
}

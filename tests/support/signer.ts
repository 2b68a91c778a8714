import { generateKeyPairSync, sign } from 'node:crypto'
import type { Signer } from '@drayage/core'

/** A signer with a key of its own that ends with the test. `spoil` changes what it answers. */
export const memorySigner = (
  key = 'local',
  spoil: (signature: Buffer) => Buffer = (signature) => signature,
): Signer & { publicKey: string } => {
  const { privateKey, publicKey: half } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKey = half.export({ type: 'spki', format: 'pem' }).toString()
  return {
    key,
    publicKey,
    sign: async (statement) => ({
      algorithm: 'ECDSA_SHA_256',
      key,
      publicKey,
      signature: spoil(sign('sha256', statement, privateKey)).toString('base64'),
    }),
  }
}

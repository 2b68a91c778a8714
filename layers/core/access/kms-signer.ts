import { createPublicKey } from 'node:crypto'
import { GetPublicKeyCommand, SignCommand, type KMSClient } from '@aws-sdk/client-kms'
import { SigningFailed } from '../domain/errors'
import type { Signer } from '../domain/signature'
import { tell } from './aws-call'

/** A signer over a KMS key (ECC_NIST_P256, SIGN_VERIFY). `key` is its ARN, and read at each use: only Cleanup's environment has it. */
export const kmsSigner = (client: () => KMSClient, key: () => string): Signer => ({
  get key() {
    return key()
  },
  async sign(statement) {
    const KeyId = key()
    const [{ PublicKey }, { Signature, KeyId: signedWith }] = await Promise.all([
      tell('kms:GetPublicKey', () => client().send(new GetPublicKeyCommand({ KeyId }))),
      tell('kms:Sign', () =>
        client().send(new SignCommand({ KeyId, Message: statement, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' })),
      ),
    ])
    if (PublicKey === undefined || Signature === undefined)
      throw new SigningFailed(`KMS answered without a signature or public key of ${KeyId}`)
    if (signedWith !== KeyId) throw new SigningFailed(`KMS signed with another key than ${KeyId}`)
    const publicKey = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' }).export({ type: 'spki', format: 'pem' })
    return {
      algorithm: 'ECDSA_SHA_256',
      key: KeyId,
      publicKey: publicKey.toString(),
      signature: Buffer.from(Signature).toString('base64'),
    }
  },
})

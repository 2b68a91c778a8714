/** A signature with what is needed to check it offline. */
export interface Signature {
  algorithm: 'ECDSA_SHA_256'
  /** ARN of the KMS key, or `local` for the key of a state folder */
  key: string
  /** PEM, SubjectPublicKeyInfo */
  publicKey: string
  /** base64 of the DER form */
  signature: string
}

/** Signs what a run's certificate states: a KMS key on AWS, a key of the state folder on one machine. */
export interface Signer {
  /** what `key` of its signatures will be: the statement itself names it */
  readonly key: string
  /** `statement`: at most 4,096 bytes, which is what KMS signs without a digest made outside. */
  sign(statement: Buffer): Promise<Signature>
}

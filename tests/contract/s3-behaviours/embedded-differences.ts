/** Where the embedded server knowingly does not do as Amazon S3 does. */
export interface KnownDifference {
  /** exactly what it does instead */
  instead: string
  why: string
}

/** By the name of the behaviour. A difference that is not in this list is a fault. */
export const EMBEDDED_DIFFERENCES: Readonly<Record<string, KnownDifference>> = {
  'every object is encrypted, and PUT and HEAD say so': {
    instead: 'PUT: nothing instead of AES256',
    why: 'it encrypts nothing, and does not say that it does.',
  },
  'a body without any checksum is given a CRC64NVME': {
    instead: 'HEAD: nothing instead of rosUhgp5mIg=',
    why: 'in JavaScript a CRC64NVME costs 2.8 s of CPU per GiB, twice the MD5. What a client sends is verified and kept.',
  },
  'a signature for another region is refused': {
    instead: 'eu-central-1: accepted instead of 400 AuthorizationHeaderMalformed',
    why: 'it is in no region, and serves requests that name any.',
  },
}

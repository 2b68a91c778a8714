import fc from 'fast-check'

/** Keys as stores hold them: 1 to 1,024 bytes of UTF-8 with everything that is awkward in it. */
export const utf8Key = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 200 })
  .map((text) => Buffer.from(text, 'utf8'))
  .filter((key) => key.length > 0 && key.length <= 1024)

/** Any bytes at all. */
export const anyKey = fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => Buffer.from(bytes))

import { KeyNotRepresentable } from './errors'
import { keyText, MAX_KEY_BYTES, type Key } from './keys'
import type { Migration } from './migration'

const prefix = (migration: Migration): Buffer => Buffer.from(migration.destination.prefix, 'utf8')

/** Where an object goes: the destination's prefix and then the whole source key, byte for byte. */
export const destinationKey = (migration: Migration, key: Key): Key => Buffer.concat([prefix(migration), key])

/** The prefix that everything this migration writes has, and nothing else should. */
export const destinationPrefix = (migration: Migration): Key => destinationKey(migration, Buffer.from(migration.source.prefix, 'utf8'))

/** The source key that is written to this destination key. The reverse of `destinationKey`. */
export const sourceKey = (migration: Migration, key: Key): Key => key.subarray(prefix(migration).length)

/** Under which Preflight begins, fills and aborts an upload; no object ever has it. */
export const probeKey = (migration: Migration): Key => Buffer.concat([destinationPrefix(migration), Buffer.from('.drayage-probe')])

/** Throws KeyNotRepresentable for a key that Amazon S3 cannot hold: not UTF-8, or over 1,024 bytes with its prefix. */
export const assertRepresentable = (key: Key): void => {
  if (key.length > MAX_KEY_BYTES)
    throw new KeyNotRepresentable(`the key would be ${key.length} bytes long at the destination; Amazon S3 takes ${MAX_KEY_BYTES}`)
  if (keyText(key) === undefined) throw new KeyNotRepresentable('the key is not UTF-8; Amazon S3 takes no other')
}

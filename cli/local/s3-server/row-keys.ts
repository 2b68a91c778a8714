import type { ByteString } from './byte-strings'
import type { RowKey } from './database'

/** Ends a key inside a row's key, so that what follows is never taken for a part of it: less than any byte of an escaped key. */
const END = '\x00\x01'
/** Keys keep their byte order: 0x00 is the only byte that must not stand alone. */
const escaped = (key: ByteString): ByteString => (key.includes('\x00') ? key.replaceAll('\x00', '\x00\xff') : key)

export interface RowRange {
  from: RowKey
  /** excluded */
  to: RowKey
}

/** Everything that begins with `start`, which does not end in 0xFF. */
const within = (start: RowKey): RowRange => ({
  from: start,
  to: start.slice(0, -1) + String.fromCharCode(start.charCodeAt(start.length - 1) + 1),
})

/** buckets by name */
export const bucketRow = (name: string): RowKey => `b${name}`
export const bucketRows = within('b')
export const nameOfBucketRow = (row: RowKey): string => row.slice(1)

/** the current version of each key: a bucket's name never contains the slash */
const currentTable = (bucket: string): RowKey => `o${bucket}/`
export const currentRow = (bucket: string, key: ByteString): RowKey => currentTable(bucket) + key
export const currentRows = (bucket: string): RowRange => within(currentTable(bucket))
export const keyOfCurrentRow = (bucket: string, row: RowKey): ByteString => row.slice(currentTable(bucket).length)

/** older versions by key, the newest first */
const olderTable = (bucket: string): RowKey => `v${bucket}/`
export const olderRow = (bucket: string, key: ByteString, order: string): RowKey => olderTable(bucket) + escaped(key) + END + order
export const olderRows = (bucket: string): RowRange => within(olderTable(bucket))
export const olderRowsOf = (bucket: string, key: ByteString): RowRange => within(olderRow(bucket, key, ''))

/** open uploads by key and id */
const uploadTable = (bucket: string): RowKey => `u${bucket}/`
export const uploadRow = (bucket: string, key: ByteString, id: string): RowKey => uploadTable(bucket) + escaped(key) + END + id
export const uploadRows = (bucket: string): RowRange => within(uploadTable(bucket))

/** parts by upload and number */
const padded = (number: number): string => String(number).padStart(5, '0')
export const partRow = (upload: string, number: number): RowKey => `p${upload}/${padded(number)}`
export const partRows = (upload: string): RowRange => within(`p${upload}/`)
export const numberOfPartRow = (row: RowKey): number => Number(row.slice(-5))

/** bodies small enough to lie in the index */
export const bodyRow = (body: string): RowKey => `x${body}`
/** bodies that no object names, yet or any more */
export const looseRow = (body: string): RowKey => `d${body}`
export const looseRows = within('d')
export const bodyOfLooseRow = (row: RowKey): string => row.slice(1)

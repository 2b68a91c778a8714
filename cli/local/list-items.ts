import type { ObjectStore } from '@drayage/core'
import type { Item } from './engine/index'

/** The state bucket's objects under a prefix, as the s3:listObjectsV2 reader of Step Functions gives them. */
export async function* listItems(state: ObjectStore, prefix: string): AsyncGenerator<Item> {
  for await (const page of state.list({ prefix: Buffer.from(prefix, 'latin1') })) {
    for (const { key, size, etag, lastModified, storageClass } of page) {
      yield {
        Key: key.toString('latin1'),
        Size: size,
        Etag: etag,
        LastModified: Date.parse(lastModified) / 1000,
        StorageClass: storageClass ?? 'STANDARD',
      }
    }
  }
}

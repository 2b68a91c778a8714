import type { EngineOptions, Item } from './engine'
import { StatesError } from './errors'

/** The s3:listObjectsV2 ItemReader. @throws StatesError States.ItemReaderFailed with the listing's own error as its cause. */
export async function* readItems({ listItems }: EngineOptions, bucket: string, prefix: string): AsyncGenerator<Item> {
  try {
    yield* listItems(bucket, prefix)
  } catch (error) {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    throw new StatesError('States.ItemReaderFailed', `s3://${bucket}/${prefix} could not be listed. ${why}`, true, true, { cause: error })
  }
}

import { keyFromJson, keyToJson, type Key, type KeyJson } from './keys'

/** What became of an object that was not excluded. */
export type OutcomeName = 'copied' | 'skipped' | 'changed' | 'failed'

export interface Outcome {
  key: Key
  outcome: OutcomeName
  /** bytes that were copied; 0 for the others */
  bytes: number
  /** the destination's ETag: as its PUT answered, or as its listing gave it for a skipped object */
  etag?: string | undefined
  /** base64 CRC32 of what was sent */
  crc32?: string | undefined
  /** skipped: what the equality rests on */
  evidence?: 'etag' | 'upload-record' | undefined
  /** failed or changed: the error's name and its words */
  reason?: string | undefined
  detail?: string | undefined
}

export const outcomeToLine = ({ key, ...rest }: Outcome): string => JSON.stringify({ key: keyToJson(key), ...rest })

export const outcomeFromLine = (line: string): Outcome => {
  const { key, ...rest } = JSON.parse(line) as Omit<Outcome, 'key'> & { key: KeyJson }
  return { key: keyFromJson(key), ...rest }
}

import { StatesError } from './errors'

/** Step Functions' "maximum input or output size for a task, state, or execution": 256 KiB of UTF-8, in bytes. */
export const MAX_PAYLOAD_BYTES = 262_144

/**
 * @returns `value` as a reader of its JSON would see it; what JSON cannot say is null, as with Lambda.
 * @throws StatesError States.DataLimitExceeded, which States.ALL does not match.
 */
export const asPayload = (value: unknown, what: string): unknown => {
  const text = JSON.stringify(value) ?? 'null'
  assertFits(text, what)
  return JSON.parse(text)
}

export const assertPayloadFits = (value: unknown, what: string): void => assertFits(JSON.stringify(value) ?? 'null', what)

const assertFits = (text: string, what: string): void => {
  // No character of a JavaScript string takes more than 3 bytes of UTF-8 per UTF-16 unit: most payloads need no count.
  if (text.length * 3 <= MAX_PAYLOAD_BYTES) return
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_PAYLOAD_BYTES) {
    throw new StatesError('States.DataLimitExceeded', `${what} is ${bytes} bytes of JSON; the limit is ${MAX_PAYLOAD_BYTES}.`, false, false)
  }
}

import type { Credentials, Reach } from '../domain/access'
import { hostHash } from '../domain/host-hash'

/** Values that this process has read and that no text may repeat, each with what stands in its place. */
const known = new Map<string, string>()

/** Values kept: a warm function renews its sessions every 15 minutes, and those of hours ago have ended. */
const MOST_VALUES = 60

/** Shorter values are no secrets, and words of every message. */
const LEAST_CHARACTERS = 6

/** A secret as it stands, and as it stands in a URL, a header, an encoded body. */
const formsOf = (value: string): string[] => {
  const bytes = Buffer.from(value, 'utf8')
  const base64 = bytes.toString('base64').replace(/=+$/, '')
  return [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), base64, bytes.toString('base64url'), bytes.toString('hex')]
}

const learn = (value: string | undefined, inPlace: string): void => {
  if (value === undefined || value.length < LEAST_CHARACTERS) return
  known.delete(value)
  known.set(value, inPlace)
  if (known.size > MOST_VALUES) known.delete(known.keys().next().value as string)
}

type Learnt = Partial<Record<keyof Pick<Credentials, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>, string | undefined>>

/** The access key id too: with it a reader would know whose key to look for. */
export const learnCredentials = ({ accessKeyId, secretAccessKey, sessionToken }: Learnt): void => {
  for (const value of [accessKeyId, secretAccessKey, sessionToken]) learn(value, '[credential]')
}

const learnHost = (endpoint: string): void => {
  if (!URL.canParse(endpoint)) return
  const { hostname } = new URL(endpoint)
  learn(hostname, hostHash(hostname))
}

/** The same place, of which the host and every credential that is asked for are learnt. */
export const learning = (reach: Reach): Reach => {
  if (reach.endpoint !== undefined) learnHost(reach.endpoint)
  return {
    ...reach,
    credentials: async () => {
      const credentials = await reach.credentials()
      learnCredentials(credentials)
      return credentials
    },
  }
}

/** The text without the values that this process has learnt, and how many credentials stood in it: more than none is a fault of ours. */
export const withhold = (text: string): { text: string; credentials: number } => {
  let kept = text
  let credentials = 0
  // Longest first: a value may be a piece of another.
  for (const [value, inPlace] of [...known].sort(([a], [b]) => b.length - a.length)) {
    for (const form of new Set(formsOf(value))) {
      const pieces = kept.split(form)
      if (inPlace === '[credential]') credentials += pieces.length - 1
      kept = pieces.join(inPlace)
    }
  }
  return { text: kept, credentials }
}

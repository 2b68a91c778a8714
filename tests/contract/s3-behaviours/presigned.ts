import { presign } from '../../support/embedded-client'
import { absent, Differs, group, same, type Place } from './behaviour'

const QUERY = 'Authenticating Requests: Using Query Parameters (AWS Signature Version 4)'
const HOUR = 3_600_000

interface Attempt {
  method?: 'GET' | 'PUT'
  key?: string
  /** the key that the signature is for, where it is another */
  signedFor?: string
  date?: Date
  /** seconds */
  expires?: number
  spoil?: (query: string) => string
}

/** A request that carries its signature in its address, as a browser would send it. */
const fetched = async (
  at: Place,
  { method = 'GET', key = 'a', signedFor = key, date = new Date(), expires = 60, spoil = (query) => query }: Attempt,
  body?: string,
): Promise<{ status: number; code: string; text: string }> => {
  const query = spoil(presign(at.endpoint, at.key, { method, path: `/${at.bucket}/${encodeURIComponent(signedFor)}`, date }, expires))
  const init = body === undefined ? { method } : { method, body }
  const reply = await fetch(`${at.endpoint}/${at.bucket}/${encodeURIComponent(key)}?${query}`, init)
  const text = await reply.text()
  return { status: reply.status, code: /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? '', text }
}

const refusedAs = ({ status, code }: { status: number; code: string }, what: string, wanted: string): void => {
  if (status < 300) throw new Differs(`${what}: accepted instead of ${wanted}`)
  same(what, `${status} ${code}`, wanted)
}

export const presigned = group('presigned requests', [
  [
    'a presigned GET reads, and a presigned PUT writes',
    async (at) => {
      same('PUT', (await fetched(at, { method: 'PUT', key: 'b é+c' }, 'body')).status, 200)
      same('written', (await at.get('b é+c')).bytes.toString(), 'body')
      const reply = await fetched(at, { key: 'b é+c' })
      same('GET', [reply.status, reply.text], [200, 'body'])
    },
    QUERY,
  ],
  [
    'it ends at its time',
    async (at) => {
      await at.put('a', 'body')
      same('an hour later of two', (await fetched(at, { date: new Date(Date.now() - HOUR), expires: 7200 })).status, 200)
      refusedAs(await fetched(at, { date: new Date(Date.now() - HOUR), expires: 60 }), 'an hour later of one minute', '403 AccessDenied')
    },
    QUERY,
  ],
  [
    'it is for its key and its method only',
    async (at) => {
      await at.put('a', 'body')
      await at.put('b', 'body')
      refusedAs(await fetched(at, { key: 'b', signedFor: 'a' }), 'another key', '403 SignatureDoesNotMatch')
      const spoil = () => presign(at.endpoint, at.key, { method: 'GET', path: `/${at.bucket}/a` }, 60)
      refusedAs(await fetched(at, { method: 'PUT', spoil }, 'spoilt'), 'another method', '403 SignatureDoesNotMatch')
      same('body', (await at.get('a')).bytes.toString(), 'body')
    },
    QUERY,
  ],
  [
    'a wrong signature, and a longer life than was signed, are refused',
    async (at) => {
      await at.put('a', 'body')
      const other = (query: string) => query.replace(/Signature=.*/, `Signature=${'0'.repeat(64)}`)
      refusedAs(await fetched(at, { spoil: other }), 'wrong signature', '403 SignatureDoesNotMatch')
      const longer = (query: string) => query.replace('Expires=60', 'Expires=6000')
      refusedAs(await fetched(at, { spoil: longer }), 'longer life', '403 SignatureDoesNotMatch')
    },
    QUERY,
  ],
  [
    'more than seven days are refused',
    async (at) => {
      await at.put('a', 'body')
      same('seven days', (await fetched(at, { expires: 604_800 })).status, 200)
      refusedAs(await fetched(at, { expires: 604_801 }), 'a second more', '400 AuthorizationQueryParametersError')
    },
    QUERY,
  ],
  [
    'without any signature nothing is read or written',
    async (at) => {
      await at.put('a', 'body')
      const spoil = () => ''
      refusedAs(await fetched(at, { spoil }), 'GET', '403 AccessDenied')
      refusedAs(await fetched(at, { method: 'PUT', key: 'b', spoil }, 'x'), 'PUT', '403 AccessDenied')
      await absent(at, 'b')
    },
    'Blocking public access to your Amazon S3 storage',
  ],
])

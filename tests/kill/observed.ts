import { existsSync, readFileSync } from 'node:fs'

/** One request as the embedded server of a run's process was given it. */
export interface Seen {
  method: string
  bucket: string
  key: string
  query: URLSearchParams
  /** first byte of a ranged read */
  from: number | undefined
  keyId: string | undefined
  /** undefined: it was not answered */
  status: number | undefined
}

type Line =
  | { when: 'arrived'; number: number; method: string; url: string; range?: string; keyId?: string }
  | { when: 'answered'; number: number; status: number }

const requestOf = ({ method, url, range, keyId }: Line & { when: 'arrived' }): Seen => {
  const [path = '', query = ''] = url.split(/\?(.*)/s)
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path)!
  const from = /^bytes=(\d+)-/.exec(range ?? '')?.[1]
  return {
    method,
    bucket,
    key: decodeURIComponent(key),
    query: new URLSearchParams(query),
    from: from === undefined ? undefined : Number(from),
    keyId,
    status: undefined,
  }
}

/** What observer.mjs wrote, in the order of the requests. A line that the kill cut off is left out. */
export const readObserved = (file: string): Seen[] => {
  if (!existsSync(file)) return []
  const seen = new Map<number, Seen>()
  for (const text of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const line = JSON.parse(text) as Line
    if (line.when === 'arrived') seen.set(line.number, requestOf(line))
    else {
      const request = seen.get(line.number)
      if (request) request.status = line.status
    }
  }
  return [...seen.values()]
}

/** The states of a run as its requests tell them apart, in order. */
const MARKS: [phase: string, passed: (request: Seen) => boolean][] = [
  ['OpenAccess', ({ method, key }) => method === 'PUT' && key.endsWith('/request.json')],
  ['Preflight', ({ key }) => key.endsWith('.drayage-probe')],
  ['ListSource', ({ key, query }) => (query.get('prefix') ?? key).endsWith('/cursor.json')],
  ['CopyObjects', ({ key, query }) => (query.get('prefix') ?? key).includes('/outcomes/')],
  ['VerifyBatches', ({ key, query }) => (query.get('prefix') ?? key).includes('/verdicts/')],
  ['Reconcile', ({ method, key }) => method === 'PUT' && key.endsWith('/failures.csv')],
  ['Cleanup', ({ key, query }) => (query.get('prefix') ?? key).endsWith('/certificate.')],
  ['WriteReport', ({ method, key }) => method === 'PUT' && key.endsWith('/report.html')],
]

export const PHASES = ['before OpenAccess', ...MARKS.map(([phase]) => phase)]

/** The state that a run had reached. */
export const phaseOf = (seen: readonly Seen[]): string => {
  let at = 0
  for (const request of seen) {
    const later = MARKS.findLastIndex(([, passed], index) => index >= at && passed(request))
    if (later >= 0) at = later + 1
  }
  return PHASES[at]!
}

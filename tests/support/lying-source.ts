import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface HeardRequest {
  method: string
  /** as it stood in the request line */
  url: string
  headers: Record<string, string | string[] | undefined>
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A store that answers whatever a test tells it to. */
export interface LyingSource {
  endpoint: string
  heard: HeardRequest[]
  /** How the next requests are answered, in this order; the last one stays. */
  answers(...next: Answer[]): void
  close(): Promise<void>
}

export const startLyingSource = async (): Promise<LyingSource> => {
  const heard: HeardRequest[] = []
  const sockets = new Set<Socket>()
  let queue: Answer[] = []

  const server = createServer((request, response) => {
    heard.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
    const answer = queue.length > 1 ? queue.shift() : queue[0]
    if (answer === undefined) response.writeHead(500).end()
    else answer(request, response)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    answers: (...next) => {
      heard.length = 0
      queue = next
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

/** Takes the whole request, then answers. */
export const reply =
  (status: number, headers: Record<string, string>, body: string | Buffer = ''): Answer =>
  (request, response) => {
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers })
      response.end(request.method === 'HEAD' ? undefined : body)
    })
  }

export const refusal = (status: number, code: string, headers: Record<string, string> = {}): Answer =>
  reply(status, headers, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>words</Message><RequestId>REQ1</RequestId></Error>`)

export interface ListedEntry {
  key: string
  size?: string
  etag?: string
  lastModified?: string
}

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

export const entryXml = ({ key, size = '1', etag = '&quot;0&quot;', lastModified = '2024-01-02T03:04:05.000Z' }: ListedEntry): string =>
  `<Contents><Key>${escaped(key)}</Key><LastModified>${lastModified}</LastModified><ETag>${etag}</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`

/** An honest list reply, unless it is given something else. `more`: the token of the next page. */
export const listXml = (entries: ListedEntry[], { more, extra = '' }: { more?: string; extra?: string } = {}): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>` +
  `<IsTruncated>${more !== undefined}</IsTruncated>${more === undefined ? '' : `<NextContinuationToken>${more}</NextContinuationToken>`}` +
  `${extra}${entries.map(entryXml).join('\n')}</ListBucketResult>`

export interface ListedVersionEntry extends ListedEntry {
  id?: string
  latest?: string
  marker?: true
}

export const versionXml = ({
  key,
  size = '1',
  etag = '&quot;0&quot;',
  id = '1',
  latest = 'true',
  marker,
  ...rest
}: ListedVersionEntry): string => {
  const name = marker ? 'DeleteMarker' : 'Version'
  const object = marker ? '' : `<ETag>${etag}</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass>`
  const date = rest.lastModified ?? '2024-01-02T03:04:05.000Z'
  return `<${name}><Key>${escaped(key)}</Key><VersionId>${id}</VersionId><IsLatest>${latest}</IsLatest><LastModified>${date}</LastModified>${object}</${name}>`
}

/** An honest list of versions, unless it is given something else. `more`: there are further pages. */
export const versionsXml = (entries: ListedVersionEntry[], { more = false, extra = '' }: { more?: boolean; extra?: string } = {}): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>` +
  `<IsTruncated>${more}</IsTruncated>${extra}${entries.map(versionXml).join('\n')}</ListVersionsResult>`

export const page = (xml: string | Buffer): Answer => reply(200, { 'content-type': 'application/xml' }, xml)

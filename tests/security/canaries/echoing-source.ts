import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { listXml } from '../../support/lying-source'

/**
 * The most hostile of refusals: everything that the request held, again, wherever a reply has room for it, and the key's id and the
 * token bare where a code and an id are looked for.
 */
const echo = (request: IncomingMessage, response: ServerResponse): void => {
  const { authorization = '', 'x-amz-security-token': token = '' } = request.headers
  const words = `${request.method} http://${request.headers.host}${request.url} ${JSON.stringify(request.headers)}`
  const inHeader = words.replace(/[^\x20-\x7e]/g, '').slice(0, 2000)
  const [id = ''] = /Credential=[^/]+/.exec(authorization)?.map((found) => found.slice('Credential='.length)) ?? []
  response.writeHead(403, inHeader, {
    'x-amz-request-id': token,
    'x-amz-bucket-region': authorization,
    'retry-after': inHeader,
    location: inHeader,
  })
  response.end(`<Error><Code>${id}</Code><Message>${words}</Message><RequestId>${token}</RequestId><Resource>${words}</Resource></Error>`)
}

/** How the source answers a request; `nth` counts the lists from 1. */
export type EchoPlan = (request: { list: boolean; nth: number }) => 'echo' | { keys: string[] } | { body: string }

export interface EchoingSource {
  port: number
  close(): Promise<void>
}

/** A source that takes any key, and answers by `plan`. */
export const startEchoingSource = async (host: string, plan: EchoPlan): Promise<EchoingSource> => {
  let lists = 0
  const server = createServer((request, response) => {
    request.resume()
    const list = new URL(request.url ?? '', 'http://x').searchParams.has('list-type')
    if (list) lists += 1
    const answer = plan({ list, nth: lists })
    if (answer === 'echo') return echo(request, response)
    if ('keys' in answer)
      return void response.writeHead(200, { 'content-type': 'application/xml' }).end(listXml(answer.keys.map((key) => ({ key }))))
    response
      .writeHead(200, { etag: '"0"', 'last-modified': new Date(0).toUTCString(), 'content-length': answer.body.length })
      .end(answer.body)
  })
  await new Promise<void>((listening, failed) => server.on('error', failed).listen(0, host, listening))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections()
        server.close(() => closed())
      }),
  }
}

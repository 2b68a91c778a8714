import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Moto } from './moto'

/** The third-party store that a migration reads: moto's S3 under a name that is not Amazon's. */
export const SOURCE_HOST = 's3.source.example.com'

/** Keys that the third-party store lists a page, so that a listing of a few dozen objects takes several. */
const SOURCE_PAGE = 10

export interface DoorRequest {
  host: string
  method: string
  /** path and query, as they came */
  url: string
}

/** moto under AWS's own host names and over TLS: the way in for packaged functions, whose code is not told that it is moto. */
export interface Door {
  port: number
  /** the certificate of all those names, for NODE_EXTRA_CA_CERTS */
  certificate: string
  /** what is answered with 403 instead of being passed on */
  refuses: ((request: DoorRequest) => boolean) | undefined
  /** access key ids that signed requests since the last `forget`, by host name */
  signers: ReadonlyMap<string, ReadonlySet<string>>
  forget(): void
  close(): Promise<void>
}

/** Opens the door in front of `moto`; the certificate is written into `folder`. */
export const openDoor = async (moto: Moto, folder: string, region: string): Promise<Door> => {
  const hosts = [
    SOURCE_HOST,
    '*.amazonaws.com',
    ...['us-east-1', region].flatMap((place) => [`*.${place}.amazonaws.com`, `*.s3.${place}.amazonaws.com`]),
  ]
  const made = execFileSync('python3', [join(import.meta.dirname, 'moto_certificate.py'), ...hosts], { encoding: 'utf8' })
  const { key, certificate } = JSON.parse(made) as { key: string; certificate: string }
  const file = join(folder, 'moto-certificate.pem')
  writeFileSync(file, certificate)

  const signers = new Map<string, Set<string>>()
  const server = createServer({ key, cert: certificate }, (given, answer) => {
    const host = given.headers.host ?? ''
    const signer = /Credential=([^/]+)\//.exec(given.headers.authorization ?? '')?.[1] ?? 'nobody'
    signers.set(host, (signers.get(host) ?? new Set()).add(signer))
    if (door.refuses?.({ host, method: given.method ?? '', url: given.url ?? '' })) {
      given.resume()
      answer.writeHead(403, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code><Message>planted</Message></Error>')
      return
    }
    passOn(moto, given, answer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const door: Door = {
    port: (server.address() as AddressInfo).port,
    certificate: file,
    refuses: undefined,
    signers,
    forget: () => signers.clear(),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return door
}

const passOn = (moto: Moto, given: IncomingMessage, answer: ServerResponse): void => {
  const { hostname, port } = new URL(moto.endpoint)
  const url = given.url ?? '/'
  // Expect asks this server, which has agreed by now.
  const { expect: _, ...headers } = given.headers
  let path = url
  if (headers.host === SOURCE_HOST) {
    path = url.replace(/([?&]max-keys=)\d{3,}/, `$1${SOURCE_PAGE}`)
    headers.host = `${hostname}:${port}` // moto takes the first label of a host name for a bucket
  }
  const onward = request({ hostname, port, path, method: given.method, headers, agent: false }, (reply) => {
    // moto ends every connection; AWS keeps them.
    const { connection: __, ...answered } = reply.headers
    answer.writeHead(reply.statusCode ?? 502, answered as OutgoingHttpHeaders)
    reply.pipe(answer)
    reply.on('error', () => answer.destroy())
  })
  onward.on('error', () => answer.destroy())
  given.on('error', () => onward.destroy())
  given.pipe(onward)
}

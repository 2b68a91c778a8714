import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { IAMClient } from '@aws-sdk/client-iam'
import { tlsOnlyStatement } from '../../layers/core/domain/tls-policy'
import type { Moto } from './moto'
import { guardOf, s3Action } from './moto-guard'

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

/**
 * moto under AWS's own host names and over TLS: the way in for packaged functions, whose code is not told that it is moto. It also
 * refuses what moto, which enforces no IAM, would let pass: see moto-guard.ts for the three rules.
 */
export interface Door {
  port: number
  /** the certificate of all those names, for NODE_EXTRA_CA_CERTS */
  certificate: string
  /** what is answered with 403 instead of being passed on */
  refuses: ((request: DoorRequest) => boolean) | undefined
  /** access key ids that signed requests since the last `forget`, by host name */
  signers: ReadonlyMap<string, ReadonlySet<string>>
  /** what was asked of Amazon S3 since then, with the account that the request expects to own the bucket */
  owners: readonly { request: string; owner: string | undefined }[]
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

  const iam = new IAMClient(moto.settings)
  const guard = guardOf(iam)
  const refuse = (answer: ServerResponse, text: string): void => void answer.writeHead(403, { 'content-type': 'application/xml' }).end(text)

  /** As IAM would: a role that is gone gives no session, and a suspended one's sessions have no right to write. See moto-guard.ts. */
  const letThrough = async (host: string, signer: string, given: IncomingMessage, answer: ServerResponse): Promise<void> => {
    if (/^sts\./.test(host)) {
      const body = await whole(given)
      const form = new URLSearchParams(body.toString('latin1'))
      const role = form.get('RoleArn') ?? ''
      if (form.get('Action') !== 'AssumeRole') return passOn(moto, given, answer, body)
      if (!(await guard.gives(role, form.get('ExternalId') ?? undefined)))
        return refuse(answer, `<ErrorResponse>${REFUSAL}</ErrorResponse>`)
      return passOn(moto, given, answer, body, (reply) => {
        const key = /<AccessKeyId>([^<]+)</.exec(reply)?.[1]
        if (key !== undefined) guard.given(role, key)
      })
    }
    // What came in the meantime waits in the stream: nobody reads it before it is passed on.
    if (/\bs3\./.test(host) && !(await guard.allows(signer, s3Action(given.method ?? '', given.url ?? '')))) {
      given.resume()
      return refuse(answer, REFUSAL)
    }
    passOn(moto, given, answer)
  }

  const signers = new Map<string, Set<string>>()
  const owners: { request: string; owner: string | undefined }[] = []
  const server = createServer({ key, cert: certificate }, (given, answer) => {
    const host = given.headers.host ?? ''
    const signer = /Credential=([^/]+)\//.exec(given.headers.authorization ?? '')?.[1] ?? 'nobody'
    signers.set(host, (signers.get(host) ?? new Set()).add(signer))
    if (S3_HOST.test(host))
      owners.push({
        request: `${given.method} ${host}${given.url}`,
        owner: given.headers['x-amz-expected-bucket-owner'] as string | undefined,
      })
    if (door.refuses?.({ host, method: given.method ?? '', url: given.url ?? '' })) {
      given.resume()
      answer.writeHead(403, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code><Message>planted</Message></Error>')
      return
    }
    const known = policyAnswer(host, given)
    if (known === undefined) return void letThrough(host, signer, given, answer).catch(() => answer.destroy())
    given.resume()
    answer.writeHead(200, { 'content-type': known.startsWith('{') ? 'application/json' : 'application/xml' }).end(known)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const door: Door = {
    port: (server.address() as AddressInfo).port,
    certificate: file,
    refuses: undefined,
    signers,
    owners,
    forget: () => {
      signers.clear()
      owners.length = 0
    },
    close: async () => {
      iam.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return door
}

/** A bucket of Amazon S3 in a host's name. */
const S3_HOST = /^([a-z0-9.-]+)\.s3\.[a-z0-9-]+\.amazonaws\.com$/

/**
 * Two questions about a bucket's policy that moto cannot be asked: it has no policy status, and under a policy that denies on a
 * condition it denies everything. All buckets here refuse plaintext.
 */
const policyAnswer = (host: string, { method, url = '' }: IncomingMessage): string | undefined => {
  const bucket = S3_HOST.exec(host)?.[1]
  if (bucket === undefined || method !== 'GET') return undefined
  if (/\?policy(=|&|$)/.test(url)) return JSON.stringify({ Version: '2012-10-17', Statement: [tlsOnlyStatement(bucket)] })
  return /\?policyStatus(=|&|$)/.test(url) ? '<PolicyStatus><IsPublic>false</IsPublic></PolicyStatus>' : undefined
}

const REFUSAL = '<Error><Code>AccessDenied</Code><Message>by the guard</Message><RequestId>guard</RequestId></Error>'

const whole = async (stream: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Passes a request on and its reply back. `body`: what was read of it already; `hear`: is told the reply's text. */
const passOn = (moto: Moto, given: IncomingMessage, answer: ServerResponse, body?: Buffer, hear?: (reply: string) => void): void => {
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
    reply.on('error', () => answer.destroy())
    if (hear === undefined) return void reply.pipe(answer)
    whole(reply).then(
      (text) => {
        hear(text.toString('utf8'))
        answer.end(text)
      },
      () => answer.destroy(),
    )
  })
  onward.on('error', () => answer.destroy())
  if (body !== undefined) return void onward.end(body)
  given.on('error', () => onward.destroy())
  given.pipe(onward)
}

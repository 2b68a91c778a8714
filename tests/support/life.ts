import { once } from 'node:events'
import { createServer, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { s3Action, type Guard } from './moto-guard'

/**
 * One life of a process, as far as the services see it: its calls that change something are counted, and with `dieAfter` it is dead
 * once that many have had their effect. The answer to the last one is lost, and nothing that it still asks is heard.
 */
export class Life {
  /** what it changed, in order: `CreateRole`, `PUT /bucket/key`, … */
  readonly changes: string[] = []
  /** every request that was heard */
  requests = 0
  dead = false
  readonly died: Promise<void>
  #die!: () => void

  constructor(readonly dieAfter = Infinity) {
    this.died = new Promise((resolve) => (this.#die = resolve))
  }

  /** To be called when a change has had its effect. */
  changed(name: string): void {
    if (this.dead) return
    this.changes.push(name)
    if (this.changes.length < this.dieAfter) return
    this.dead = true
    this.#die()
  }

  /** Lets a piece of work run until it ends or the process is dead. Says which: its answer, or undefined. */
  async live<T>(work: () => Promise<T>): Promise<T | undefined> {
    return Promise.race([work(), this.died.then(() => undefined)])
  }
}

export interface Front {
  endpoint: string
  close(): Promise<void>
}

const whole = async (stream: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** The name of what a request changes; undefined: it only asks. */
const changeOf = (service: string, { method = '', url = '', headers }: IncomingMessage, body: Buffer): string | undefined => {
  const target = headers['x-amz-target']?.toString().split('.').at(-1)
  const named = target ?? (service === 'iam' || service === 'sts' ? new URLSearchParams(body.toString('latin1')).get('Action') : undefined)
  if (named) return /^(Get|List|Describe|Assume|Batch)/.test(named) ? undefined : named
  return method === 'GET' || method === 'HEAD' ? undefined : `${method} ${url}`
}

const xmlError = '<Error><Code>AccessDenied</Code><Message>planted by the guard</Message><RequestId>guard</RequestId></Error>'

/** What stands between one life and the services at `behind`. With a guard, moto's sessions end as IAM's do. */
export const openFront = async (behind: string, life: Life, guard?: Guard): Promise<Front> => {
  const { hostname, port } = new URL(behind)
  // A connection is never ended for being quiet: a client that used it again at that moment would take it for a death.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (given, answer) => {
    const serve = async (): Promise<void> => {
      const body = await whole(given)
      if (life.dead) return void given.socket.destroy()
      life.requests++
      const [, key = '', service = ''] = /Credential=([^/]+)\/[^/]+\/[^/]+\/([^/]+)\//.exec(given.headers.authorization ?? '') ?? []
      const form = service === 'sts' ? new URLSearchParams(body.toString('latin1')) : undefined
      const refuse = (text: string) => void answer.writeHead(403, { 'content-type': 'application/xml' }).end(text)
      if (
        guard &&
        form?.get('Action') === 'AssumeRole' &&
        !(await guard.gives(form.get('RoleArn') ?? '', form.get('ExternalId') ?? undefined))
      )
        return refuse(`<ErrorResponse>${xmlError}<RequestId>guard</RequestId></ErrorResponse>`)
      if (guard && service === 's3' && !(await guard.allows(key, s3Action(given.method ?? '', given.url ?? '')))) return refuse(xmlError)

      const onward = request({ hostname, port, path: given.url, method: given.method, headers: given.headers, agent: false })
      onward.end(body)
      const [reply] = (await once(onward, 'response')) as [IncomingMessage]
      const text = await whole(reply)
      const issued = form && /<AccessKeyId>([^<]+)</.exec(text.toString('utf8'))?.[1]
      if (guard && issued) guard.given(form.get('RoleArn') ?? '', issued)
      const change = changeOf(service, given, body)
      if (change !== undefined && reply.statusCode! < 300) life.changed(change)
      if (life.dead) return void given.socket.destroy()
      const { connection: _, 'transfer-encoding': __, ...headers } = reply.headers
      answer.writeHead(reply.statusCode!, {
        ...headers,
        ...(given.method !== 'HEAD' && reply.statusCode !== 204 && { 'content-length': text.length }),
      })
      answer.end(text)
    }
    serve().catch(() => given.socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

import { Readable } from 'node:stream'
import { BodyMismatch } from '../../domain/errors'
import { count, counted } from '../../domain/units'

/**
 * A reply's body as callers read it: as many bytes as were promised or a BodyMismatch, back-pressure down to the socket, and
 * every failure as `explain` names it. Destroying it ends the connection.
 */
export class ObjectBody extends Readable {
  private seen = 0

  constructor(
    what: string,
    private readonly reply: Readable,
    private readonly length: number,
    explain: (error: unknown) => unknown,
  ) {
    super()
    // A failure before anyone reads is kept for the reader and must not end the process as an unheard 'error'.
    this.on('error', () => undefined)
    reply.pause()
    reply.on('data', (chunk: Buffer) => {
      this.seen += chunk.length
      if (this.seen > this.length) this.destroy(new BodyMismatch(`${what}: more than the ${counted(this.length, 'byte')} announced`))
      else if (!this.push(chunk)) reply.pause()
    })
    reply.on('end', () => {
      if (this.seen === this.length) this.push(null)
      else this.destroy(new BodyMismatch(`${what}: ended after ${count(this.seen)} of ${counted(this.length, 'byte')}`))
    })
    reply.on('error', (error) => this.destroy(explain(error) as Error))
  }

  override _read(): void {
    this.reply.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.reply.destroy()
    done(error)
  }
}

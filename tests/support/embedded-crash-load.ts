import { createHash } from 'node:crypto'
import type { IssuedKey } from '../../cli/local/s3-server/index'
import { sendSigned, type RawReply } from './embedded-client'

/** A server under load, and what it has promised: what it answered must be there after its process was killed. */
export interface Place {
  endpoint: string
  root: IssuedKey
}

/** Numbers that a seed decides. */
export const randomOf = (seed: number) => {
  let state = seed >>> 0
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const bodyOf = (name: string, bytes: number): Buffer =>
  Buffer.from(
    createHash('sha512')
      .update(name)
      .digest('base64')
      .repeat(Math.ceil(bytes / 88))
      .slice(0, bytes),
  )
const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')
const SIZES = [0, 30, 4096, 5000, 60_000, 70_000, 400_000]
const ok = ({ status }: RawReply): boolean => status >= 200 && status < 300
const textsIn = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) => text)

/**
 * One key's story, told by one writer: what was answered for it, and what was asked and never answered. An ETag stands for a
 * body; undefined: nothing is there.
 */
class Story {
  answered: string | undefined
  /** what may be there instead: the request that the kill cut off */
  pending: { etag: string | undefined } | undefined
  upload: { id: string; parts: Map<number, string> } | undefined
  versions = new Map<string, string>()
  pendingVersion: string | undefined
  pendingDeletion: string | undefined

  constructor(readonly key: string) {}
}

export class CrashLoad {
  private readonly stories: Story[]
  private changes = 0
  /** answered changes */
  answered = 0
  readonly kinds = new Map<string, number>()

  constructor(
    private readonly random: (below: number) => number,
    writers: number,
  ) {
    this.stories = Array.from({ length: writers * 4 }, (_, at) => new Story(`key-${at}`))
  }

  /** Changes objects until the server is gone. */
  async run(place: Place): Promise<void> {
    const writers = this.stories.length / 4
    const work = async (writer: number): Promise<void> => {
      for (;;) await this.change(place, this.stories[writer * 4 + this.random(4)] as Story)
    }
    await Promise.allSettled(Array.from({ length: writers }, (_, writer) => work(writer)))
  }

  private async change(place: Place, story: Story): Promise<void> {
    const body = bodyOf(String(this.changes++), SIZES[this.random(SIZES.length)] ?? 0)
    const kind = this.random(10)
    if (kind < 4) await this.put(place, story, body)
    else if (kind === 4) await this.remove(place, story)
    else if (kind === 5) await this.putVersion(place, story, body)
    else if (kind === 6) await this.removeVersion(place, story)
    else await this.multipart(place, story, body)
  }

  private count(kind: string): void {
    this.answered += 1
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1)
  }

  private async put(place: Place, story: Story, body: Buffer): Promise<void> {
    story.pending = { etag: md5(body) }
    const reply = await sendSigned(place.endpoint, place.root, { method: 'PUT', path: `/crash-bucket/${story.key}`, body })
    if (ok(reply)) story.answered = story.pending.etag
    story.pending = undefined
    this.count('put')
  }

  private async remove(place: Place, story: Story): Promise<void> {
    story.pending = { etag: undefined }
    const reply = await sendSigned(place.endpoint, place.root, { method: 'DELETE', path: `/crash-bucket/${story.key}` })
    if (ok(reply)) story.answered = undefined
    story.pending = undefined
    this.count('delete')
  }

  private async putVersion(place: Place, story: Story, body: Buffer): Promise<void> {
    story.pendingVersion = md5(body)
    const reply = await sendSigned(place.endpoint, place.root, { method: 'PUT', path: `/crash-versions/${story.key}`, body })
    if (ok(reply)) story.versions.set(String(reply.headers['x-amz-version-id']), md5(body))
    story.pendingVersion = undefined
    this.count('put version')
  }

  private async removeVersion(place: Place, story: Story): Promise<void> {
    const id = [...story.versions.keys()][this.random(Math.max(story.versions.size, 1))]
    if (id === undefined) return
    story.pendingDeletion = id
    const reply = await sendSigned(place.endpoint, place.root, {
      method: 'DELETE',
      path: `/crash-versions/${story.key}`,
      query: `versionId=${id}`,
    })
    if (ok(reply)) story.versions.delete(id)
    story.pendingDeletion = undefined
    this.count('delete version')
  }

  /** Begins an upload, adds a part to it, completes or aborts it: one step a call. */
  private async multipart(place: Place, story: Story, body: Buffer): Promise<void> {
    const path = `/crash-bucket/${story.key}`
    const { upload } = story
    if (!upload) {
      const reply = await sendSigned(place.endpoint, place.root, { method: 'POST', path, query: 'uploads=' })
      if (ok(reply)) story.upload = { id: textsIn(reply.body, 'UploadId')[0] ?? '', parts: new Map() }
      return this.count('create upload')
    }
    const query = `uploadId=${upload.id}`
    if (upload.parts.size === 0 || this.random(3) === 0) {
      const number = 1 + this.random(3)
      const before = upload.parts.get(number)
      upload.parts.delete(number) // one or the other, while it is under way
      const reply = await sendSigned(place.endpoint, place.root, { method: 'PUT', path, query: `partNumber=${number}&${query}`, body })
      if (ok(reply)) upload.parts.set(number, md5(body))
      else if (before !== undefined) upload.parts.set(number, before)
      return this.count('part')
    }
    story.upload = undefined // answered or not, nothing is asked of it again
    if (this.random(2) === 0) {
      await sendSigned(place.endpoint, place.root, { method: 'DELETE', path, query })
      return this.count('abort')
    }
    const [number, etag] = [...upload.parts][0] as [number, string]
    const whole = `${createHash('md5').update(Buffer.from(etag, 'hex')).digest('hex')}-1`
    story.pending = { etag: whole }
    const xml = `<CompleteMultipartUpload><Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`
    const reply = await sendSigned(place.endpoint, place.root, { method: 'POST', path, query, body: Buffer.from(xml) })
    if (ok(reply)) story.answered = whole
    story.pending = undefined
    this.count('complete')
  }

  /** What a server that was started again does not have as it answered; what is there of unanswered changes counts from then on. */
  async broken(place: Place): Promise<string[]> {
    const found: string[] = []
    for (const story of this.stories) found.push(...(await this.brokenObject(place, story)), ...(await this.brokenUpload(place, story)))
    return [...found, ...(await this.brokenVersions(place))]
  }

  private async brokenObject(place: Place, story: Story): Promise<string[]> {
    const reply = await sendSigned(place.endpoint, place.root, { method: 'GET', path: `/crash-bucket/${story.key}` })
    const etag = reply.status === 404 ? undefined : String(reply.headers.etag).replaceAll('"', '')
    const allowed = etag === story.answered || (story.pending !== undefined && etag === story.pending.etag)
    const bytes = Buffer.from(reply.body)
    const told = createHash('md5')
      .update(Buffer.from(md5(bytes), 'hex'))
      .digest('hex')
    const whole = etag === undefined || etag === md5(bytes) || etag === `${told}-1`
    const wrong = [
      ...(allowed ? [] : [`${story.key}: ${etag} instead of ${story.answered}`]),
      ...(whole ? [] : [`${story.key}: half a body`]),
    ]
    story.answered = etag
    story.pending = undefined
    return wrong
  }

  private async brokenUpload(place: Place, { key, upload }: Story): Promise<string[]> {
    if (!upload) return []
    const reply = await sendSigned(place.endpoint, place.root, {
      method: 'GET',
      path: `/crash-bucket/${key}`,
      query: `uploadId=${upload.id}`,
    })
    const etags = textsIn(reply.body, 'ETag').map((etag) => etag.replaceAll('&quot;', ''))
    const numbers = textsIn(reply.body, 'PartNumber').map(Number)
    const parts = new Map(numbers.map((number, at) => [number, etags[at] ?? '']))
    const lost = [...upload.parts].filter(([number, etag]) => parts.get(number) !== etag)
    upload.parts = parts
    return reply.status === 200 ? lost.map(([number]) => `${key}: part ${number} is not there`) : [`${key}: its upload is not there`]
  }

  private async brokenVersions(place: Place): Promise<string[]> {
    const reply = await sendSigned(place.endpoint, place.root, { method: 'GET', path: '/crash-versions', query: 'versions=' })
    const rows = [...reply.body.matchAll(/<Version>.*?<\/Version>/g)].map(([xml]) => ({
      key: textsIn(xml, 'Key')[0] ?? '',
      id: textsIn(xml, 'VersionId')[0] ?? '',
      etag: (textsIn(xml, 'ETag')[0] ?? '').replaceAll('&quot;', ''),
    }))
    const wrong: string[] = reply.body.includes('<IsTruncated>true') ? ['more versions than one page holds'] : []
    for (const story of this.stories) {
      const there = new Map(rows.filter(({ key }) => key === story.key).map(({ id, etag }) => [id, etag]))
      for (const [id, etag] of story.versions)
        if (there.get(id) !== etag && id !== story.pendingDeletion) wrong.push(`${story.key}: version ${id} is not there`)
      for (const [id, etag] of there)
        if (!story.versions.has(id) && etag !== story.pendingVersion) wrong.push(`${story.key}: version ${id} came back`)
      story.versions = there
      story.pendingVersion = story.pendingDeletion = undefined
    }
    return wrong
  }
}

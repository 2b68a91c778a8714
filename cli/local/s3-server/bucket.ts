import type { Bodies, Piece } from './bodies'
import type { ByteString } from './byte-strings'
import type { Checksum, ChecksumName, ChecksumType } from './checksums'
import type { Change, Database } from './database'
import { S3Error } from './errors'
import { assertUnlocked } from './locks'
import * as keys from './row-keys'
import {
  isMarker,
  newOrder,
  newVersionId,
  NULL_VERSION,
  orderOfId,
  type Attributes,
  type DeleteMarker,
  type StoredObject,
  type Version,
  type VersionedObject,
} from './version'

export interface Part {
  size: number
  etag: string
  modified: number
  pieces: Piece[]
  checksum?: Checksum | undefined
}

export interface Upload extends Attributes {
  id: string
  key: ByteString
  initiated: number
  checksum?: { algorithm: ChecksumName; type: ChecksumType } | undefined
}

export type Versioning = 'Enabled' | 'Suspended'

export interface BucketRow {
  /** ms since 1970 */
  created: number
  /** as the client gave it when it created the bucket; undefined: us-east-1 */
  location?: string | undefined
  versioning?: Versioning | undefined
  /** whether its versions can be locked; only ever said when it is created */
  locks?: true | undefined
}

/** What one change of a key writes, the new bodies that it names, and those that nothing names after it. */
interface Plan {
  changes: Change[]
  kept: readonly Piece[]
  loose: Piece[]
}

const piecesOf = (version: Version | undefined): Piece[] =>
  version === undefined || isMarker(version) ? [] : version.pieces.filter(({ size }) => size > 0)

/**
 * One bucket. A key's current version is one row and its older ones, the newest first, are others: while a key has any version it
 * has a current one. Changes of one key are made one after another, each in one batch.
 */
export class Bucket {
  /** the last change of each key that is under way */
  private readonly underWay = new Map<ByteString, Promise<unknown>>()
  /** whether the bucket is being removed, or was */
  private ended = false

  constructor(
    readonly name: string,
    public settings: BucketRow,
    readonly database: Database,
    readonly bodies: Bodies,
  ) {}

  get versioning(): Versioning | undefined {
    return this.settings.versioning
  }

  async setVersioning(versioning: Versioning, check: () => void): Promise<void> {
    const row = { ...this.settings, versioning }
    // in the turns of the empty key, which no object has
    await this.change('', [], check, async ({ changes }) => void changes.push({ put: keys.bucketRow(this.name), row }))
    this.settings = row
  }

  /** The key's current version; a delete marker is one too. */
  current(key: ByteString): Version | undefined {
    return this.database.row<Version>(keys.currentRow(this.name, key))
  }

  /** The current object: undefined where there is none, or a delete marker. */
  find(key: ByteString): VersionedObject | undefined {
    const version = this.current(key)
    return version === undefined || isMarker(version) ? undefined : version
  }

  /** One version of a key. */
  async version(key: ByteString, id: string): Promise<Version | undefined> {
    return (await this.locate(key, id))?.version
  }

  /** Stores a new version whose body lies ready. `check` is asked right before it becomes visible; when it throws, the body is removed. */
  put(key: ByteString, object: StoredObject, check: () => void): Promise<VersionedObject> {
    return this.change(key, object.pieces, check, async (plan) => this.add(key, object, plan) as Promise<VersionedObject>)
  }

  /**
   * Deletes the key, or one version of it for ever. Returns the version that this made or removed; undefined: there was nothing,
   * and without versioning nothing is said. Throws AccessDenied for a version that is locked at `modified`.
   */
  delete(key: ByteString, id: string | undefined, modified: number, check: () => void): Promise<Version | undefined> {
    return this.change(key, [], check, async (plan) => {
      if (id !== undefined) {
        const version = await this.removeVersion(key, id, plan)
        assertUnlocked(version, modified)
        return version
      }
      if (this.settings.versioning !== undefined) return this.add(key, { deleteMarker: true, modified }, plan)
      const current = this.current(key)
      if (!current) return undefined
      plan.changes.push({ delete: keys.currentRow(this.name, key) })
      plan.loose.push(...piecesOf(current))
      return undefined
    })
  }

  /** Alters what is said of a version. Throws NoSuchKey, NoSuchVersion, MethodNotAllowed, and what `change` throws. */
  alter(
    key: ByteString,
    id: string | undefined,
    change: (object: StoredObject) => Partial<StoredObject>,
    check: () => void,
  ): Promise<VersionedObject> {
    return this.change(key, [], check, async (plan) => {
      const found = id === undefined ? { row: keys.currentRow(this.name, key), version: this.current(key) } : await this.locate(key, id)
      if (!found?.version) throw new S3Error(id === undefined ? 'NoSuchKey' : 'NoSuchVersion')
      if (isMarker(found.version)) throw new S3Error('MethodNotAllowed')
      const version = { ...found.version, ...change(found.version) }
      plan.changes.push({ put: found.row, row: version })
      return version
    })
  }

  async create(upload: Upload, check: () => void): Promise<void> {
    await this.change(upload.key, [], check, async (plan) => {
      plan.changes.push({ put: keys.uploadRow(this.name, upload.key, upload.id), row: upload })
    })
  }

  /** Throws NoSuchUpload, also when the upload is another key's. */
  upload(key: ByteString, id: ByteString | undefined): Upload {
    const upload = id ? this.database.row<Upload>(keys.uploadRow(this.name, key, id)) : undefined
    if (!upload) throw new S3Error('NoSuchUpload')
    return upload
  }

  /** Adds a part whose body lies ready, in place of one with its number. Throws NoSuchUpload, and then removes the body. */
  async putPart(key: ByteString, id: string, number: number, part: Part, check: () => void): Promise<void> {
    await this.change(key, part.pieces, check, async (plan) => {
      this.upload(key, id)
      plan.loose.push(...(this.database.row<Part>(keys.partRow(id, number))?.pieces ?? []))
      plan.changes.push({ put: keys.partRow(id, number), row: part })
    })
  }

  /** The parts of an upload with numbers above `after`, in their order. */
  async parts(id: string, after = 0, limit?: number): Promise<[number: number, Part][]> {
    const rows = await this.database.rows<Part>(keys.partRow(id, after + 1), keys.partRows(id).to, limit)
    return rows.map(([row, part]) => [keys.numberOfPartRow(row), part])
  }

  /**
   * Makes an object of an upload: `join` is given its parts, and what it does not use of them is removed. Throws NoSuchUpload,
   * and what `join` and `check` throw; then the upload stays open.
   */
  complete(
    key: ByteString,
    id: ByteString | undefined,
    join: (upload: Upload, parts: Map<number, Part>) => StoredObject,
    check: () => void,
  ): Promise<VersionedObject> {
    return this.change(key, [], check, async (plan) => {
      const upload = this.upload(key, id)
      const parts = new Map(await this.parts(upload.id))
      const object = join(upload, parts)
      this.endUpload(upload, parts, plan)
      const used = new Set(object.pieces.map(({ body }) => body))
      plan.loose = plan.loose.filter(({ body }) => !used.has(body))
      return (await this.add(key, object, plan)) as VersionedObject
    })
  }

  /** Throws NoSuchUpload. */
  async abort(key: ByteString, id: ByteString | undefined, check: () => void): Promise<void> {
    await this.change(key, [], check, async (plan) => {
      const upload = this.upload(key, id)
      this.endUpload(upload, await this.parts(upload.id), plan)
    })
  }

  async isEmpty(): Promise<boolean> {
    const { from, to } = keys.currentRows(this.name)
    return (await this.database.rows(from, to, 1)).length === 0
  }

  /** Refuses every further change and ends the open uploads, as the first half of the bucket's removal. Throws BucketNotEmpty. */
  async end(): Promise<void> {
    this.ended = true
    await this.settled()
    if (!(await this.isEmpty())) {
      this.ended = false
      throw new S3Error('BucketNotEmpty')
    }
    const { from, to } = keys.uploadRows(this.name)
    for (const [, upload] of await this.database.rows<Upload>(from, to)) {
      const plan: Plan = { changes: [], kept: [], loose: [] }
      this.endUpload(upload, await this.parts(upload.id), plan)
      await this.carryOut(plan)
    }
  }

  /** Waits for the changes that are under way now. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.underWay.values())
  }

  /**
   * Decides a change of a key and writes it, after the changes of this key before it. `fresh` are bodies that it is to name; when it
   * fails they are removed.
   */
  private change<Result>(
    key: ByteString,
    fresh: readonly Piece[],
    check: () => void,
    decide: (plan: Plan) => Promise<Result>,
  ): Promise<Result> {
    const make = async (): Promise<Result> => {
      const plan: Plan = { changes: [], kept: fresh, loose: [] }
      let result: Result
      try {
        if (this.ended) throw new S3Error('NoSuchBucket')
        result = await decide(plan)
        check()
      } catch (error) {
        this.bodies.erase(fresh)
        throw error
      }
      await this.carryOut(plan)
      return result
    }
    const before = this.underWay.get(key) ?? Promise.resolve()
    const made = before.then(make, make)
    this.underWay.set(key, made)
    const forget = (): void => {
      if (this.underWay.get(key) === made) this.underWay.delete(key)
    }
    made.then(forget, forget)
    return made
  }

  /** When it fails nobody knows whether it was written: bodies stay as they are, and the next start removes those that are loose. */
  private async carryOut({ changes, kept, loose }: Plan): Promise<void> {
    await this.database.write([...changes, ...this.bodies.keep(kept), ...this.bodies.loosen(loose)])
    this.bodies.erase(loose)
  }

  /** Makes this the key's current version; what was current becomes an older version, or goes. */
  private async add(key: ByteString, what: StoredObject | DeleteMarker, plan: Plan): Promise<Version> {
    const current = this.current(key)
    const order = newOrder(current?.order)
    const enabled = this.settings.versioning === 'Enabled'
    const version: Version = { ...what, order, id: enabled ? newVersionId(order) : NULL_VERSION }
    plan.changes.push({ put: keys.currentRow(this.name, key), row: version })
    if (!enabled && current?.id === NULL_VERSION) plan.loose.push(...piecesOf(current))
    else {
      if (!enabled && this.settings.versioning !== undefined) await this.dropOlder(key, NULL_VERSION, plan)
      if (current) plan.changes.push({ put: keys.olderRow(this.name, key, current.order), row: current })
    }
    return version
  }

  private async dropOlder(key: ByteString, id: string, plan: Plan): Promise<Version | undefined> {
    const found = await this.locateOlder(key, id)
    if (!found) return undefined
    plan.changes.push({ delete: found.row })
    plan.loose.push(...piecesOf(found.version))
    return found.version
  }

  private async removeVersion(key: ByteString, id: string, plan: Plan): Promise<Version | undefined> {
    const current = this.current(key)
    if (current?.id !== id) return this.dropOlder(key, id, plan)
    const { from, to } = keys.olderRowsOf(this.name, key)
    const [next] = await this.database.rows<Version>(from, to, 1)
    plan.loose.push(...piecesOf(current))
    if (next) plan.changes.push({ put: keys.currentRow(this.name, key), row: next[1] }, { delete: next[0] })
    else plan.changes.push({ delete: keys.currentRow(this.name, key) })
    return current
  }

  private async locate(key: ByteString, id: string): Promise<{ row: string; version: Version } | undefined> {
    const version = this.current(key)
    return version?.id === id ? { row: keys.currentRow(this.name, key), version } : this.locateOlder(key, id)
  }

  private async locateOlder(key: ByteString, id: string): Promise<{ row: string; version: Version } | undefined> {
    const row = id === NULL_VERSION ? await this.rowOfOlderNull(key) : keys.olderRow(this.name, key, orderOfId(id))
    // read without a pause before the caller goes on: what it names is still there then
    const version = row === undefined ? undefined : this.database.row<Version>(row)
    return row === undefined || version?.id !== id ? undefined : { row, version }
  }

  /** The null version may stand anywhere among the older ones: its id does not say where. */
  private async rowOfOlderNull(key: ByteString): Promise<string | undefined> {
    const { from, to } = keys.olderRowsOf(this.name, key)
    for await (const [row, { id }] of this.database.each<Version>(from, to)) if (id === NULL_VERSION) return row
    return undefined
  }

  private endUpload({ key, id }: Upload, parts: Iterable<[number, Part]>, plan: Plan): void {
    plan.changes.push({ delete: keys.uploadRow(this.name, key, id) })
    for (const [number, { pieces }] of parts) {
      plan.changes.push({ delete: keys.partRow(id, number) })
      plan.loose.push(...pieces)
    }
  }
}

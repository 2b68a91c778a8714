import type { Bodies, Piece } from './bodies'
import type { ByteString } from './byte-strings'
import type { Checksum, ChecksumName, ChecksumType } from './checksums'
import type { Change, Database, Scan } from './database'
import { S3Error } from './errors'
import {
  bucketRow,
  currentRow,
  currentRows,
  numberOfPartRow,
  olderRow,
  olderRowsOf,
  partRow,
  partRows,
  uploadRow,
  uploadRows,
  type RowRange,
} from './row-keys'
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
  versioning?: Versioning | undefined
}

/** What one change of a key writes, and the bodies that nothing names after it. */
interface Plan {
  changes: Change[]
  kept: Piece[]
  loose: Piece[]
}

const piecesOf = (version: Version | undefined): Piece[] => (version === undefined || isMarker(version) ? [] : version.pieces)

/**
 * One bucket. A key's current version is one row and its older ones, the newest first, are others: while a key has any version it
 * has a current one. Changes of one key are made one after another, each in one batch.
 */
export class Bucket {
  /** the last change of each key that is under way */
  private readonly underWay = new Map<ByteString, Promise<unknown>>()

  constructor(
    readonly name: string,
    private row: BucketRow,
    private readonly database: Database,
    readonly bodies: Bodies,
  ) {}

  get created(): number {
    return this.row.created
  }

  get versioning(): Versioning | undefined {
    return this.row.versioning
  }

  async setVersioning(versioning: Versioning): Promise<void> {
    const row = { ...this.row, versioning }
    await this.database.write([{ put: bucketRow(this.name), row }])
    this.row = row
  }

  /** The key's current version; a delete marker is one too. */
  current(key: ByteString): Version | undefined {
    return this.database.row<Version>(currentRow(this.name, key))
  }

  /** The current object: undefined where there is none, or a delete marker. */
  find(key: ByteString): VersionedObject | undefined {
    const version = this.current(key)
    return version === undefined || isMarker(version) ? undefined : version
  }

  /** One version of a key. Throws NoSuchVersion. */
  async version(key: ByteString, id: string): Promise<Version> {
    const found = await this.locate(key, id)
    if (!found) throw new S3Error('NoSuchVersion')
    return found.version
  }

  /** Stores a new version whose body lies ready. `check` is asked right before it becomes visible; when it throws, the body is removed. */
  put(key: ByteString, object: StoredObject, check: () => void): Promise<VersionedObject> {
    return this.change(key, object.pieces, check, async (plan) => this.add(key, object, plan) as Promise<VersionedObject>)
  }

  /**
   * Deletes the key, or one version of it for ever. Returns the version that this made or removed; undefined: there was nothing,
   * and without versioning nothing is said.
   */
  delete(key: ByteString, id: string | undefined, modified: number, check: () => void): Promise<Version | undefined> {
    return this.change(key, [], check, async (plan) => {
      if (id !== undefined) return this.removeVersion(key, id, plan)
      if (this.row.versioning !== undefined) return this.add(key, { deleteMarker: true, modified }, plan)
      const current = this.current(key)
      if (!current) return undefined
      plan.changes.push({ delete: currentRow(this.name, key) })
      plan.loose.push(...piecesOf(current))
      return undefined
    })
  }

  /** Replaces the tags of a version. Throws NoSuchKey, NoSuchVersion, MethodNotAllowed. */
  setTags(key: ByteString, id: string | undefined, tags: [string, string][], check: () => void): Promise<VersionedObject> {
    return this.change(key, [], check, async (plan) => {
      const found = id === undefined ? { row: currentRow(this.name, key), version: this.current(key) } : await this.locate(key, id)
      if (!found?.version) throw new S3Error(id === undefined ? 'NoSuchKey' : 'NoSuchVersion')
      if (isMarker(found.version)) throw new S3Error('MethodNotAllowed')
      const version = { ...found.version, tags }
      plan.changes.push({ put: found.row, row: version })
      return version
    })
  }

  async create(upload: Upload, check: () => void): Promise<void> {
    await this.change(upload.key, [], check, async (plan) => {
      plan.changes.push({ put: uploadRow(this.name, upload.key, upload.id), row: upload })
    })
  }

  /** Throws NoSuchUpload, also when the upload is another key's. */
  upload(key: ByteString, id: ByteString | undefined): Upload {
    const upload = id ? this.database.row<Upload>(uploadRow(this.name, key, id)) : undefined
    if (!upload) throw new S3Error('NoSuchUpload')
    return upload
  }

  /** Adds a part whose body lies ready, in place of one with its number. Throws NoSuchUpload, and then removes the body. */
  async putPart(key: ByteString, id: string, number: number, part: Part, check: () => void): Promise<void> {
    await this.change(key, part.pieces, check, async (plan) => {
      this.upload(key, id)
      plan.loose.push(...(this.database.row<Part>(partRow(id, number))?.pieces ?? []))
      plan.changes.push({ put: partRow(id, number), row: part })
    })
  }

  /** The parts of an upload with numbers above `after`, in their order. */
  async parts(id: string, after = 0, limit?: number): Promise<[number: number, Part][]> {
    const rows = await this.database.rows<Part>(partRow(id, after + 1), partRows(id).to, limit)
    return rows.map(([row, part]) => [numberOfPartRow(row), part])
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
      this.endUpload(upload, new Map(await this.parts(upload.id)), plan)
    })
  }

  async isEmpty(): Promise<boolean> {
    const { from, to } = currentRows(this.name)
    return (await this.database.rows(from, to, 1)).length === 0
  }

  /** Ends every open upload of a bucket that is to be removed. */
  async abortAll(): Promise<void> {
    const { from, to } = uploadRows(this.name)
    for (const [, { key, id }] of await this.database.rows<Upload>(from, to)) await this.abort(key, id, () => undefined)
  }

  scan<Row>({ from, to }: RowRange): Scan<Row> {
    return this.database.scan<Row>(from, to)
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
      const plan: Plan = { changes: [], kept: [...fresh], loose: [] }
      try {
        const result = await decide(plan)
        check()
        await this.database.write([...plan.changes, ...this.bodies.keep(plan.kept), ...this.bodies.loosen(plan.loose)])
        this.bodies.erase(plan.loose)
        return result
      } catch (error) {
        this.bodies.erase(fresh)
        throw error
      }
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

  /** Makes this the key's current version; what was current becomes an older version, or goes. */
  private async add(key: ByteString, what: StoredObject | DeleteMarker, plan: Plan): Promise<Version> {
    const order = newOrder()
    const enabled = this.row.versioning === 'Enabled'
    const version: Version = { ...what, order, id: enabled ? newVersionId(order) : NULL_VERSION }
    const current = this.current(key)
    plan.changes.push({ put: currentRow(this.name, key), row: version })
    if (!enabled && current?.id === NULL_VERSION) plan.loose.push(...piecesOf(current))
    else {
      if (!enabled && this.row.versioning !== undefined) await this.dropOlder(key, NULL_VERSION, plan)
      if (current) plan.changes.push({ put: olderRow(this.name, key, current.order), row: current })
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
    const { from, to } = olderRowsOf(this.name, key)
    const [next] = await this.database.rows<Version>(from, to, 1)
    plan.loose.push(...piecesOf(current))
    if (next) plan.changes.push({ put: currentRow(this.name, key), row: next[1] }, { delete: next[0] })
    else plan.changes.push({ delete: currentRow(this.name, key) })
    return current
  }

  private async locate(key: ByteString, id: string): Promise<{ row: string; version: Version } | undefined> {
    const version = this.current(key)
    return version?.id === id ? { row: currentRow(this.name, key), version } : this.locateOlder(key, id)
  }

  private async locateOlder(key: ByteString, id: string): Promise<{ row: string; version: Version } | undefined> {
    const { from, to } = olderRowsOf(this.name, key)
    const start = id === NULL_VERSION ? from : olderRow(this.name, key, orderOfId(id))
    const rows = await this.database.rows<Version>(start, to, id === NULL_VERSION ? undefined : 1)
    const [row] = rows.find(([, version]) => version.id === id) ?? []
    // read again without a pause: what is read until the next one is still there
    const version = row === undefined ? undefined : this.database.row<Version>(row)
    return row === undefined || version === undefined ? undefined : { row, version }
  }

  private endUpload({ key, id }: Upload, parts: Map<number, Part>, plan: Plan): void {
    plan.changes.push({ delete: uploadRow(this.name, key, id) })
    for (const [number, { pieces }] of parts) {
      plan.changes.push({ delete: partRow(id, number) })
      plan.loose.push(...pieces)
    }
  }
}

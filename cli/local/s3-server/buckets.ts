import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Bodies } from './bodies'
import { Bucket, type BucketRow } from './bucket'
import { Database } from './database'
import { S3Error } from './errors'
import { bucketRow, bucketRows, nameOfBucketRow } from './row-keys'

/** The layout of the directory: another one would get another name, and leave this one alone. */
const LAYOUT = 'v2'

/** All buckets of a directory, which the database holds for this process alone. */
export class Buckets {
  private readonly buckets = new Map<string, Bucket>()
  /** the last creation or removal: they are made one after another */
  private changing: Promise<unknown> = Promise.resolve()

  private constructor(
    private readonly database: Database,
    private readonly bodies: Bodies,
    /** how long a restore takes, in ms */
    readonly restoreMs: number,
  ) {}

  /** Makes the directory, or opens it and removes what a killed process left half-written. Throws what the disk and LevelDB throw. */
  static async open(directory: string, restoreMs = 0): Promise<Buckets> {
    const root = join(directory, LAYOUT)
    mkdirSync(root, { recursive: true })
    const database = new Database(join(root, 'index'))
    await database.open()
    try {
      const buckets = new Buckets(database, new Bodies(database, join(root, 'bodies')), restoreMs)
      await buckets.bodies.sweep()
      for (const [row, bucket] of await database.rows<BucketRow>(bucketRows.from, bucketRows.to)) {
        buckets.add(nameOfBucketRow(row), bucket)
      }
      return buckets
    } catch (error) {
      await database.close()
      throw error
    }
  }

  /** Throws NoSuchBucket. */
  get(name: string): Bucket {
    const bucket = this.buckets.get(name)
    if (!bucket) throw new S3Error('NoSuchBucket')
    return bucket
  }

  all(): Bucket[] {
    return [...this.buckets.keys()].sort().map((name) => this.get(name))
  }

  /** Whether the bucket is new: one that is there stays as it is. Throws InvalidBucketName for a name against Amazon S3's naming rules. */
  create(name: string, row: BucketRow): Promise<boolean> {
    return this.inTurn(async () => {
      if (this.buckets.has(name)) return false
      if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) || /\.\.|^\d+\.\d+\.\d+\.\d+$/.test(name)) throw new S3Error('InvalidBucketName')
      await this.database.write([{ put: bucketRow(name), row }])
      this.add(name, row)
      return true
    })
  }

  /** Throws NoSuchBucket, BucketNotEmpty. Open uploads end with the bucket. */
  remove(name: string): Promise<void> {
    return this.inTurn(async () => {
      const bucket = this.get(name)
      if (!(await bucket.isEmpty())) throw new S3Error('BucketNotEmpty')
      await bucket.end()
      await this.database.write([{ delete: bucketRow(name) }])
      this.buckets.delete(name)
    })
  }

  /** Waits for the changes that are under way now. */
  async settled(): Promise<void> {
    await this.changing
    await Promise.all([...this.buckets.values()].map((bucket) => bucket.settled()))
  }

  async close(): Promise<void> {
    await this.settled()
    await this.bodies.settled()
    await this.database.close(this.buckets.size === 0)
  }

  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.changing.then(work)
    this.changing = done.catch(() => undefined)
    return done
  }

  private add(name: string, row: BucketRow): void {
    this.buckets.set(name, new Bucket(name, row, this.database, this.bodies))
  }
}

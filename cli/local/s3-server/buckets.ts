import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Bucket } from './bucket'
import { S3Error } from './errors'

/** The layout of the directory: another one would get another name, and leave this one alone. */
const LAYOUT = 'v1'

/** All buckets of a directory, which the caller holds alone. */
export class Buckets {
  private readonly buckets = new Map<string, Bucket>()
  private readonly root: string

  constructor(directory: string) {
    this.root = join(directory, LAYOUT)
    mkdirSync(this.root, { recursive: true })
    for (const name of readdirSync(this.root)) this.buckets.set(name, new Bucket(name, join(this.root, name)))
  }

  /** Throws NoSuchBucket. */
  get(name: string): Bucket {
    const bucket = this.buckets.get(name)
    if (!bucket) throw new S3Error('NoSuchBucket')
    return bucket
  }

  has(name: string): boolean {
    return this.buckets.has(name)
  }

  names(): string[] {
    return [...this.buckets.keys()].sort()
  }

  /** Throws InvalidBucketName for a name against Amazon S3's naming rules, which also keep it from being anything but a file name. */
  create(name: string): void {
    if (this.has(name)) return
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) || name.includes('..')) throw new S3Error('InvalidBucketName')
    mkdirSync(join(this.root, name))
    this.buckets.set(name, new Bucket(name, join(this.root, name)))
  }

  close(): void {
    for (const bucket of this.buckets.values()) bucket.close()
  }
}

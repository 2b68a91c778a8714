import type { Migration } from './migration'

/** Something that a run creates for its access. The name is known before it exists and stands in access.json. */
export interface Grant {
  kind: 'schedule' | 'role' | 'key'
  /** the name under which its service knows it */
  name: string
  /** what it is for, in words a reader of the report understands */
  purpose: string
}

/** Something that stands where runs create their access, whoever made it. */
export type Held = Pick<Grant, 'kind' | 'name'>

/** One answer of a service, as it was observed: what a closure may claim. */
export interface Observation {
  /** the grant's kind, or `execution`, `write`, `uploads`, `secret`, `inventory`, `lock`, `certificate` */
  kind: string
  name: string
  /** the call that was made, for example `iam:GetRole` */
  call: string
  /** what was answered, for example `NoSuchEntity`, with the request's id where the service gives one */
  answer: string
  /** whether that answer means: closed, gone, or never there */
  closed: boolean
  /** ISO 8601 */
  at: string
}

/** Who reads `secret`: the S3 clients only. It is in no log, event, state, report or error. */
export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
  expiration?: Date | undefined
}

export type CredentialProvider = () => Promise<Credentials>

/** Where one side of a migration is, and with what to reach it. */
export interface Reach {
  /** undefined: Amazon S3 of the region */
  endpoint: string | undefined
  region: string
  credentials: CredentialProvider
  /** PEM of the certificate authorities that this place's certificate must come from, in place of the public ones */
  ca?: string | undefined
}

/**
 * Opens and ends a run's access: IAM and Scheduler on AWS, the embedded server's keys on one machine, nothing at a foreign
 * store. Creating is idempotent; removing what is already gone is done.
 */
export interface Access {
  /** The grants this run needs, in the order of their creation. Creates nothing. */
  plan(migration: Migration): Grant[]
  /** Throws AccessNotOpened. */
  create(grant: Grant, migration: Migration): Promise<void>
  /** Reads a grant back. Throws AccessNotOpened if it is not exactly what was asked for. */
  confirm(grant: Grant, migration: Migration): Promise<void>
  /** Takes a grant's rights away at once, also from sessions that are already out; listing and aborting uploads stays possible. */
  suspend(grant: Grant, migration: Migration): Promise<Observation[]>
  /** Deletes the grant; one that does not exist is done. Refuses one that is not this run's. */
  remove(grant: Grant, migration: Migration): Promise<Observation[]>
  /** Asks the service whether the grant still exists, and tries to use it anew. */
  prove(grant: Grant, migration: Migration): Promise<Observation[]>
  /** Everything that stands where runs create their access: roles under the stage's path and schedules in its group, or active keys. */
  inventory(): Promise<Held[]>
  /** The run that something in the inventory says it was made for; undefined: it says none. What it says is no proof: see `recordedBy`. */
  ownerOf(held: Held): Promise<string | undefined>
  /**
   * Throws CredentialNotForThisMigration if the source's credential is for another migration, has expired, may last too long, or
   * cannot be ended as the request asks; CredentialsRefused if it cannot be used at all. Creates nothing. No credential of ours: done.
   */
  checkCredential(migration: Migration): Promise<void>
  /** What nobody but the operator can end at the source, one line each. Asked before endCredential: what it deletes says nothing more. */
  credentialTodo(migration: Migration): Promise<string[]>
  /** Ends the source's credential if this run is to end it (`credentials.after`), and proves it. No credential of ours: []. */
  endCredential(migration: Migration, verified: boolean): Promise<Observation[]>
  /** How the source is reached. Throws CredentialsRefused if the credential is gone or not for this migration. */
  source(migration: Migration): Promise<Reach>
  /** How the destination is reached: `write` for copiers, `read` for what is there: listing, objects, and the bucket's settings. */
  destination(migration: Migration, use: 'write' | 'read'): Promise<Reach>
}

/** The engine's executions, seen from inside a function. */
export interface Executions {
  /** Whether this execution still runs. An unknown one does not. */
  isRunning(executionId: string): Promise<boolean>
  /** Stops it if it runs. Returns what was answered. */
  stop(executionId: string): Promise<string>
}

/** Where pointers to what failed for good are put. */
export interface DeadLetters {
  send(messages: readonly DeadLetter[]): Promise<void>
  /** Removes the messages of a run, whose failures another run has taken over. Returns how many; none left is done. */
  take(runId: string, call?: { signal?: AbortSignal | undefined }): Promise<number>
}

/** One message per shard, with pointers and no keys. */
export interface DeadLetter {
  runId: string
  shard: string
  /** objects of the shard that failures.csv names */
  objects: number
  /** key of failures.csv in the state bucket */
  failures: string
}

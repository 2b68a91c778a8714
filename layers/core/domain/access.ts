import type { Migration } from './migration'

/** Something that a run creates for its access. The name is known before it exists and stands in access.json. */
export interface Grant {
  kind: 'schedule' | 'role' | 'key'
  /** the name under which its service knows it */
  name: string
  /** what it is for, in words a reader of the report understands */
  purpose: string
}

/** One answer of a service, as it was observed: what a closure may claim. */
export interface Observation {
  /** the grant's kind, or `secret`, `uploads`, `lock`, `execution` */
  kind: string
  name: string
  /** the call that was made, for example `iam:GetRole` */
  call: string
  /** what was answered, for example `NoSuchEntity` */
  answer: string
  /** whether that answer means: gone */
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
  /** Takes a grant's rights to write away at once, also from sessions that are already out; aborting uploads stays possible. */
  suspend(grant: Grant, migration: Migration): Promise<void>
  /** Deletes the grant; one that does not exist is done. Refuses one that is not this run's. */
  remove(grant: Grant, migration: Migration): Promise<void>
  /** Asks the service whether the grant still exists. */
  prove(grant: Grant, migration: Migration): Promise<Observation>
  /** Ends the source's credential if this run is to end it (`credentials.after`), and proves it. No credential of ours: []. */
  endCredential(migration: Migration, verified: boolean): Promise<Observation[]>
  /** How the source is reached. Throws CredentialsRefused if the credential is gone or not for this migration. */
  source(migration: Migration): Promise<Reach>
  /** How the destination is reached: `write` for copiers, `read` (listing only) for the verifier. */
  destination(migration: Migration, use: 'write' | 'read'): Promise<Reach>
}

/** The engine's executions, seen from inside a function. */
export interface Executions {
  /** Whether this execution still runs. An unknown one does not. */
  isRunning(executionId: string): Promise<boolean>
  /** Stops it if it runs. */
  stop(executionId: string): Promise<void>
}

/** Where pointers to what failed for good are put. */
export interface DeadLetters {
  send(messages: readonly DeadLetter[]): Promise<void>
}

/** One message per shard, with pointers and no keys. */
export interface DeadLetter {
  runId: string
  shard: string
  /** objects of the shard that failed or changed */
  objects: number
  /** key of failures.csv in the state bucket */
  failures: string
}

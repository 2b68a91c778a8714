/**
 * The errors of Drayage. A class is named for the Retry or Catch of the state machine that matches it: Step Functions sees
 * only the name. `retryable` says whether the same call may succeed a little later; the state machine's Retry lists hold
 * exactly the retryable ones (a test compares them). Messages never hold credentials.
 */
export abstract class DrayageError extends Error {
  /** Whether the same call may succeed a little later. */
  readonly retryable: boolean = false

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** The request cannot be run as written: `problems` name each field and what to do. */
export class InvalidRequest extends DrayageError {
  constructor(
    readonly problems: readonly string[],
    options?: ErrorOptions,
  ) {
    super(problems.join('\n'), options)
  }
}

/** Another execution that still runs holds the lock of this source and destination. */
export class PairLocked extends DrayageError {}
/** Something of the access could not be created, or is not what was asked for. */
export class AccessNotOpened extends DrayageError {}
/** The source or destination is not fit for this migration. */
export class PreflightFailed extends DrayageError {}
/** The estimated price is above the run's budget. */
export class OverBudget extends DrayageError {}
/** The run would last longer than its access. */
export class OutlivesAccess extends DrayageError {}
/** A file of the state bucket is missing or is not what it must be. */
export class StateBroken extends DrayageError {}
/** A function's answer lacks what the state machine reads, or is over Step Functions' 256 KiB. */
export class BadAnswer extends DrayageError {}
/** The certificate was not signed, or the signature that came back does not hold. */
export class SigningFailed extends DrayageError {}
/** Something that this run created may still exist. */
export class CleanupIncomplete extends DrayageError {}

/** 5xx, a reset or a time-out: the store did not answer as it should. */
export class StoreUnavailable extends DrayageError {
  override readonly retryable = true
}
/** 503 SlowDown or 429. `retryAfterMs` as the store asked, in ms. */
export class StoreThrottled extends DrayageError {
  override readonly retryable = true
  constructor(
    message: string,
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
/** Another call of the same function moved the listing's cursor first. */
export class CursorMoved extends DrayageError {
  override readonly retryable = true
}

/** No connection: a name that does not resolve, a refused port, a certificate that does not hold. */
export class EndpointUnreachable extends DrayageError {}
/** The store does not know the key, or the signature does not match: wrong, expired or ended credentials. */
export class CredentialsRefused extends DrayageError {}
/** The source's stored credential may not be used for this migration: another bucket or prefix, or it has expired. */
export class CredentialNotForThisMigration extends CredentialsRefused {}
/** The credentials are known and may not do this. */
export class AccessDenied extends DrayageError {}
export class NoSuchBucket extends DrayageError {}
export class NoSuchObject extends DrayageError {}
export class NoSuchUpload extends DrayageError {}
/** The object's bytes are in an archive tier: it must be restored before it can be read. */
export class ObjectArchived extends DrayageError {
  constructor(message: string, options?: ErrorOptions) {
    super(
      `${message}: its bytes are in an archive and were not restored; run again with restore.archived, with a credential that may restore`,
      options,
    )
  }
}
/** The object is no longer the one that was listed. */
export class ObjectChanged extends DrayageError {}
/** If-Match or If-None-Match did not hold. */
export class PreconditionFailed extends DrayageError {}
/** Bytes were lost or altered on the way: a wrong length or checksum. */
export class BodyMismatch extends DrayageError {}
/** A list reply that cannot be trusted. */
export class SourceListingBroken extends DrayageError {}
/** The store refused for another reason; `code` is its own word. */
export class StoreRefused extends DrayageError {
  constructor(
    message: string,
    readonly code: string,
    readonly status: number,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
/** The key cannot be written to Amazon S3: not UTF-8, or longer than 1,024 bytes with its prefix. */
export class KeyNotRepresentable extends DrayageError {}
/** The function's time ran out in the middle of one object. */
export class DeadlinePassed extends DrayageError {}

export const isRetryable = (error: unknown): boolean => error instanceof DrayageError && error.retryable

/** Errors of a whole side: every further object would meet them too, so they end the call and are not one object's. */
export const isOfTheSide = (error: unknown): boolean =>
  error instanceof CredentialsRefused || error instanceof NoSuchBucket || error instanceof EndpointUnreachable

/** The error's name as Step Functions, outcomes and reports print it. */
export const errorName = (error: unknown): string => (error instanceof Error ? error.name : 'UnknownError')

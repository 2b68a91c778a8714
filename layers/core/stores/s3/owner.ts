/** The header by which Amazon S3 refuses a request with 403 when the bucket belongs to another account; none: the owner is not known. */
export type OwnerHeader = Readonly<Record<string, string>>

export const ownerHeader = (account: string | undefined): OwnerHeader =>
  account === undefined ? {} : { 'x-amz-expected-bucket-owner': account }

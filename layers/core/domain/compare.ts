/** An ETag without its quotes and weakness mark; opaque otherwise. */
export const bareEtag = (etag: string): string => etag.replace(/^W\//, '').replace(/^"(.*)"$/, '$1')

/** Whether an ETag has the form of a plain MD5: one PUT, no parts. Under SSE-KMS it has that form and is none. */
export const looksLikeMd5 = (etag: string): boolean => /^[0-9a-f]{32}$/i.test(bareEtag(etag))

export const sameEtag = (a: string, b: string): boolean => bareEtag(a).toLowerCase() === bareEtag(b).toLowerCase()

/** What a finished upload's record says: this source ETag became this destination ETag. */
export interface UploadEvidence {
  sourceEtag: string
  destinationEtag: string
}

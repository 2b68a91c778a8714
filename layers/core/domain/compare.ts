/** An ETag without its quotes and weakness mark; opaque otherwise. */
export const bareEtag = (etag: string): string => etag.replace(/^W\//, '').replace(/^"(.*)"$/, '$1')

/**
 * Whether an ETag says nothing of what is in its object: it is empty, or all zeros, which MinIO answers for every file that was not put
 * through it (`defaultEtag`; minio#9083), and goes on to answer when the file is another.
 */
export const saysNothing = (etag: string): boolean => /^(0{32}(-\d+)?)?$/.test(bareEtag(etag))

/** Whether an ETag has the form of a plain MD5: one PUT, no parts. Under SSE-KMS it has that form and is none. */
export const looksLikeMd5 = (etag: string): boolean => /^[0-9a-f]{32}$/i.test(bareEtag(etag)) && !saysNothing(etag)

export const sameEtag = (a: string, b: string): boolean => bareEtag(a).toLowerCase() === bareEtag(b).toLowerCase()

/** Whether two ETags are the same, and say so of what is in their objects. */
export const sameContent = (a: string, b: string): boolean => !saysNothing(a) && sameEtag(a, b)

/** An object as a store tells of it; `lastModified` in ISO 8601. */
export interface Told {
  etag: string
  lastModified: string
}

/**
 * Whether what a store answers is the object that it listed: by its ETag, and where that says nothing by its Last-Modified too, in which
 * less than a second is no difference, for listings and headers cut it off differently.
 */
export const isStillListed = (listed: Told, answered: Told): boolean =>
  sameEtag(listed.etag, answered.etag) &&
  (!saysNothing(listed.etag) || Math.abs(Date.parse(listed.lastModified) - Date.parse(answered.lastModified)) < 1000)

/** What a finished upload's record says: this source ETag became this destination ETag. */
export interface UploadEvidence {
  sourceEtag: string
  destinationEtag: string
}

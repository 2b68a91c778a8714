/** What is known of an S3-compatible store before it is asked. */
export interface Provider {
  /** ListObjectsV2, or ListObjects with a marker */
  list: 'v1' | 'v2'
  /** whether keys may be asked for with encoding-type=url */
  urlEncoding: boolean
  /** bucket in the path instead of the host name */
  pathStyle: boolean
  /**
   * whether an ETag `…-N` without SSE-KMS is always the MD5 of the parts' MD5s, so that another one proves other bytes. Not where a
   * store's settings alter it (MinIO's compression and encryption) or it once was random (R2 before June 2023).
   */
  partsEtag: boolean
}

const provider = (list: 'v1' | 'v2', urlEncoding: boolean, pathStyle: boolean, partsEtag: boolean): Provider => ({
  list,
  urlEncoding,
  pathStyle,
  partsEtag,
})

/** From the providers' documentation; none was tried here. `other` is the safe profile for any store not named. */
export const PROVIDERS = {
  aws: provider('v2', true, false, true),
  embedded: provider('v2', true, true, true),
  gcs: provider('v2', true, false, false),
  'ibm-cos': provider('v1', false, true, false),
  r2: provider('v2', true, true, false),
  wasabi: provider('v2', true, false, true),
  linode: provider('v2', true, false, true),
  ovh: provider('v2', true, false, true),
  hetzner: provider('v2', true, false, true),
  minio: provider('v2', true, true, false),
  idrive: provider('v2', true, true, false),
  ceph: provider('v1', false, true, true),
  digitalocean: provider('v2', false, false, true),
  alibaba: provider('v2', true, false, false),
  tencent: provider('v1', true, false, false),
  huawei: provider('v1', false, false, true),
  scaleway: provider('v2', true, false, true),
  storj: provider('v2', true, false, true),
  other: provider('v1', false, true, false),
} as const satisfies Record<string, Provider>

export type ProviderName = keyof typeof PROVIDERS

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as ProviderName[]

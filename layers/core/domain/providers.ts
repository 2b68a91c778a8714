/** What is known of an S3-compatible store before it is asked. */
export interface Provider {
  /** ListObjectsV2, or ListObjects with a marker */
  list: 'v1' | 'v2'
  /** whether keys may be asked for with encoding-type=url */
  urlEncoding: boolean
  /** bucket in the path instead of the host name */
  pathStyle: boolean
}

const provider = (list: 'v1' | 'v2', urlEncoding: boolean, pathStyle: boolean): Provider => ({ list, urlEncoding, pathStyle })

/** From the providers' documentation; none was tried here. `other` is the safe profile for any store not named. */
export const PROVIDERS = {
  aws: provider('v2', true, false),
  embedded: provider('v2', true, true),
  gcs: provider('v2', true, false),
  'ibm-cos': provider('v1', false, true),
  r2: provider('v2', true, true),
  wasabi: provider('v2', true, false),
  linode: provider('v2', true, false),
  ovh: provider('v2', true, false),
  hetzner: provider('v2', true, false),
  minio: provider('v2', true, true),
  idrive: provider('v2', true, true),
  ceph: provider('v1', false, true),
  digitalocean: provider('v2', false, false),
  alibaba: provider('v2', true, false),
  tencent: provider('v1', true, false),
  huawei: provider('v1', false, false),
  scaleway: provider('v2', true, false),
  storj: provider('v2', true, false),
  other: provider('v1', false, true),
} as const satisfies Record<string, Provider>

export type ProviderName = keyof typeof PROVIDERS

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as ProviderName[]

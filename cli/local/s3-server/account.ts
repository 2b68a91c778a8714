/** The one account that this server knows, which owns all buckets. */
export const ACCOUNT = '000000000000'

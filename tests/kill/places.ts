/** The buckets of a round, and where its objects go. */
export const SOURCE = 'from-here'
export const DESTINATION = 'to-there'
export const STATE = 'drayage-state'
export const PREFIX = 'copies/'
export const BUCKETS = [SOURCE, DESTINATION, STATE] as const

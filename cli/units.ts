export { bytesText, count, counted, durationText } from '@drayage/core'

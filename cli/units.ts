export { bytesText, count, durationText } from '@drayage/core'

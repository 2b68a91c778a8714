// By its place: @drayage/core brings everything else with it, and `serve-s3` needs none of that.
export { onOneLine as terminalText } from '../layers/core/domain/one-line'

// Runs packaged functions as Lambda would, in a process of its own: their zips as they are, the layer beside each so that none
// shares a module with another, and no network but TLS to port 443, which leads to the port in argv.
import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import { join } from 'node:path'

const [place, door] = process.argv.slice(2)
const require = createRequire(import.meta.url)

const connect = Socket.prototype.connect
Socket.prototype.connect = function (...args) {
  const [options, connected] = Array.isArray(args[0]) ? args[0] : args
  if (Number(options?.port) !== 443) throw new Error(`a function connects to ${JSON.stringify(options?.host)}:${options?.port}`)
  return connect.call(this, { ...options, host: '127.0.0.1', port: Number(door) }, connected)
}

/** Counts a call's time down; with `readings`, its time is over after that many looks at the clock. */
const clockOf = ({ timeoutMs, readings }) => {
  const ends = Date.now() + timeoutMs
  let left = readings ?? Infinity
  return () => (left-- > 0 ? ends - Date.now() : 0)
}

const call = async ({ function: name, handler, event, requestId, ...time }) => {
  const [file, exported] = handler.split('.')
  const loaded = require(join(place, file.slice(file.lastIndexOf('/') + 1), `${file}.js`))
  return loaded[exported](event, { functionName: name, awsRequestId: requestId, getRemainingTimeInMillis: clockOf(time) })
}

process.on('message', ({ id, ...given }) => {
  call(given).then(
    (answer) => process.send({ id, payload: JSON.stringify(answer ?? null) }),
    ({ name, message, stack }) => {
      const trace = String(stack).split('\n')
      process.send({ id, failed: true, payload: JSON.stringify({ errorType: name, errorMessage: message, trace }) })
    },
  )
})
process.on('disconnect', () => process.exit())

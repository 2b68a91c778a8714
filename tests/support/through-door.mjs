// Loaded before the command: every connection to port 443 leads to the port in DOOR_PORT of this machine, whatever its host name.
import { Socket } from 'node:net'

const connect = Socket.prototype.connect
Socket.prototype.connect = function (...args) {
  const [options, connected] = Array.isArray(args[0]) ? args[0] : args
  if (Number(options?.port) !== 443) return connect.apply(this, args)
  return connect.call(this, { ...options, host: '127.0.0.1', port: Number(process.env.DOOR_PORT) }, connected)
}

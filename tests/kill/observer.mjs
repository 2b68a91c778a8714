// Loaded into a run's process by NODE_OPTIONS=--import: writes one line of JSON for each request that the embedded server of that
// process is given and for each that it has answered, and, told so, kills the process at one of them. It sees what Node's own
// channels tell and nothing else: no body, no secret, no code of ours.
import { subscribe } from 'node:diagnostics_channel'
import { openSync, writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const { KILL_OBSERVED, KILL_AT } = process.env

if (isMainThread && KILL_OBSERVED !== undefined) {
  const file = openSync(KILL_OBSERVED, 'a', 0o600)
  const aim = KILL_AT === undefined ? undefined : JSON.parse(KILL_AT)
  const numbers = new WeakMap()
  let arrived = 0
  let hits = 0

  const dieIfAimed = (when, { method, url }) => {
    if (aim === undefined || aim.when !== when || aim.method !== method || !new RegExp(aim.url).test(url)) return
    if (++hits === aim.nth) process.kill(process.pid, 'SIGKILL')
  }

  subscribe('http.server.request.start', ({ request }) => {
    const { method, url, headers } = request
    const keyId = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1]
    numbers.set(request, ++arrived)
    writeSync(file, `${JSON.stringify({ when: 'arrived', number: arrived, method, url, range: headers.range, keyId })}\n`)
    dieIfAimed('arrived', request)
  })
  subscribe('http.server.response.finish', ({ request, response }) => {
    writeSync(file, `${JSON.stringify({ when: 'answered', number: numbers.get(request), status: response.statusCode })}\n`)
    dieIfAimed('answered', request)
  })
}

import { InvalidRequest } from '../domain/errors'

/** Throws InvalidRequest where Node.js was told to take any certificate: whoever stands in between could then read every credential. */
export const assertTlsIsChecked = (env: NodeJS.ProcessEnv): void => {
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return
  throw new InvalidRequest([
    'environment variable NODE_TLS_REJECT_UNAUTHORIZED is 0, which makes Node.js take any certificate: unset it; for a store with a certificate authority of its own, name that authority (NODE_EXTRA_CA_CERTS on one machine, `ca` in a stored credential)',
  ])
}

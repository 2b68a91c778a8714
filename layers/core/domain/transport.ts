/** Names of this machine; a URL class has brought addresses into their usual form before (127.1 and 0x7f000001 are 127.0.0.1). */
const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)

/** How requests to an endpoint travel: over TLS, in the clear inside this machine, or in the clear over a network. */
export const transportOf = (endpoint: string | null | undefined): 'tls' | 'this machine' | 'plaintext' => {
  if (endpoint === null || endpoint === undefined) return 'tls'
  if (endpoint === 'embedded') return 'this machine'
  const { protocol, hostname } = new URL(endpoint)
  if (protocol === 'https:') return 'tls'
  return isLoopback(hostname) ? 'this machine' : 'plaintext'
}

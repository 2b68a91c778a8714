export function bundleCore(serviceDir: string): Promise<Uint8Array>
export function bundleFunction(serviceDir: string, entry: string): Promise<Uint8Array>
export function bundleSha256(zips: Iterable<{ name: string; bytes: Uint8Array }>): string

/** A run's shards, read here by hand: what the product's own reader overlooks is found all the same. */

export interface TextFile {
  name: string
  text: string
}

type KeyJson = string | { base64: string }

interface Header {
  after: KeyJson | null
  upTo: KeyJson | null
  listed: number
}

const bytesOf = (key: KeyJson): string =>
  Buffer.from(typeof key === 'string' ? key : key.base64, typeof key === 'string' ? 'utf8' : 'base64').toString('hex')

const bound = (key: KeyJson | null): string | null => (key === null ? null : bytesOf(key))

/**
 * What is wrong with a run's shards: a key in two of them or in two units, a large object without its unit, ranges that do not
 * follow one another from the beginning of the key space and, where the listing was `whole`, to its end.
 */
export const shardFaults = (batches: readonly TextFile[], large: readonly TextFile[], { whole }: { whole: boolean }): string[] => {
  const faults: string[] = []
  const at = new Map<string, string>()
  const units = new Map<string, string>()
  const ranges = new Map<string | null, string | null>()

  const place = (map: Map<string, string>, key: string, name: string, what: string) => {
    const before = map.get(key)
    if (before !== undefined) faults.push(`the key ${Buffer.from(key, 'hex').toString('utf8')} is in two ${what}: ${before} and ${name}`)
    map.set(key, name)
  }

  for (const { name, text } of large) place(units, bytesOf((JSON.parse(text) as { key: KeyJson }).key), name, 'units')
  for (const { name, text } of batches) {
    const [header, ...objects] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown) as [Header, ...{ key: KeyJson; large?: true }[]]
    if (header.listed !== objects.length) faults.push(`${name} counts ${header.listed} objects and holds ${objects.length}`)
    if (ranges.has(bound(header.after))) faults.push(`${name} begins where another shard begins`)
    ranges.set(bound(header.after), bound(header.upTo))
    for (const { key, large: isLarge } of objects) {
      place(at, bytesOf(key), name, 'shards')
      if (isLarge && !units.has(bytesOf(key))) faults.push(`${name}: the large object ${JSON.stringify(key)} has no unit`)
    }
  }

  let reached: string | null | undefined = ranges.size === 0 ? undefined : null
  let followed = 0
  while (reached !== undefined && ranges.has(reached)) {
    followed++
    const upTo: string | null = ranges.get(reached)!
    reached = upTo ?? undefined
  }
  if (followed !== ranges.size) faults.push(`${ranges.size - followed} of ${ranges.size} shards do not follow one another`)
  if (whole && (ranges.size === 0 || reached !== undefined)) faults.push('the shards do not reach to the end of the key space')
  return faults
}

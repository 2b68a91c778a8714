/** Counts cases, and keeps the words of those that did not pass. */
export class Tally {
  passed = 0
  total = 0
  readonly failures: string[] = []

  /** A case that finds no fault has passed. One that breaks off has not. */
  async judge(name: string, work: () => Promise<readonly string[]>): Promise<void> {
    this.total++
    const faults = await work().catch((error: unknown) => [`it broke off: ${error instanceof Error ? error.stack : String(error)}`])
    if (faults.length === 0) this.passed++
    else this.failures.push(`${name}: ${faults.join('; ')}`)
  }
}

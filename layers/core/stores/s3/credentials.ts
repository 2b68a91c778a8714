import type { CredentialProvider, Credentials } from '../../domain/access'
import { CredentialsRefused, DrayageError } from '../../domain/errors'

/** Credentials are renewed this long before they end (ms), so that a request signed with them is not late on arrival. */
const RENEW_BEFORE_MS = 60_000

/**
 * Asks the provider once, and again only shortly before the credentials expire: provider chains read files and call services,
 * and every request asks. Requests that wait at the same time share one answer; a failure is not kept.
 * Throws CredentialsRefused with the name of what went wrong, and nothing else of it.
 */
export const keptCredentials = (provider: CredentialProvider, now: () => number = Date.now): CredentialProvider => {
  let held: Credentials | undefined
  let asked: Promise<Credentials> | undefined

  const isFresh = ({ expiration }: Credentials): boolean => expiration === undefined || expiration.getTime() - RENEW_BEFORE_MS > now()

  const ask = async (): Promise<Credentials> => {
    try {
      held = await provider()
      return held
    } catch (error) {
      if (error instanceof DrayageError) throw error
      throw new CredentialsRefused(`no credentials could be had: ${error instanceof Error ? error.name : 'unknown error'}`)
    } finally {
      asked = undefined
    }
  }

  return async () => (held !== undefined && isFresh(held) ? held : (asked ??= ask()))
}

import { EXIT } from '../exit-codes'
import { reporting } from '../reporting'
import { terminalText } from '../terminal-text'
import { foundCredential, type FoundCredential } from './found'
import { withStage, type StageOptions } from './stage'
import { expiryText, placeText, spanText } from './words'

/** `drayage credentials list`. Reads no secret. Returns the exit code. */
export const listCommand = ({ json, ...options }: StageOptions & { json: boolean }): Promise<number> =>
  reporting(json, (print) =>
    withStage(options, async ({ secrets, place }) => {
      const now = new Date()
      const credentials = (await secrets.list())
        .map(({ credential, entry }) => foundCredential(credential, entry, now))
        .sort((one, other) => (one.credential < other.credential ? -1 : 1))
      const { stage, region, account } = place
      print({ stage, region, account, credentials }, lines(credentials, `stage ${stage} in ${region} of account ${account}`, now))
      return EXIT.verified
    }),
  )

const HEADINGS = ['NAME', 'EXPIRES', 'AGE', 'KEY', 'FROM', 'TO']

const lines = (credentials: readonly FoundCredential[], where: string, now: Date): string[] => {
  if (credentials.length === 0) return [`No credentials are stored in ${where}.`]
  const rows = [HEADINGS, ...credentials.map((one) => row(one, now).map(terminalText))]
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)))
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

const row = ({ credential, expiresAt, createdAt, fingerprint, use, deletedAt }: FoundCredential, now: Date): string[] => [
  credential,
  deletedAt === null ? expiryText(expiresAt, now) : `being deleted ${deletedAt}`,
  createdAt === null ? 'unknown' : spanText(now.getTime() - Date.parse(createdAt)),
  fingerprint ?? (use?.role === undefined ? 'unknown' : 'a role'),
  use === null ? 'unknown' : placeText(use.source),
  use === null ? 'unknown' : placeText(use.destination),
]

import { formsOf } from './forms'

/** What must be found nowhere. */
export interface Canary {
  /** what it is, for the report: never the canary itself */
  name: string
  text: string
}

/** Everything that was left at, or came out of, one place. */
export type Places = Map<string, Buffer[]>

export interface Verdicts {
  passed: number
  total: number
  failures: string[]
}

export const noVerdicts = (): Verdicts => ({ passed: 0, total: 0, failures: [] })

export const note = (verdicts: Verdicts, passed: boolean, otherwise: string): void => {
  verdicts.total += 1
  if (passed) verdicts.passed += 1
  else verdicts.failures.push(otherwise)
}

const formsFound = (pieces: readonly Buffer[], text: string): string[] =>
  formsOf(text)
    .filter(({ bytes }) => pieces.some((piece) => piece.includes(bytes)))
    .map(({ name }) => name)

/** One case for each canary in each place: in none of its forms. A place in which nothing was gathered cannot have passed. */
export const expectNowhere = (verdicts: Verdicts, where: string, places: Places, canaries: readonly Canary[]): void => {
  for (const [place, pieces] of places) {
    note(
      verdicts,
      pieces.some((piece) => piece.length > 0),
      `${where}: nothing was gathered from ${place}, so nothing was searched`,
    )
    for (const { name, text } of canaries) {
      const found = formsFound(pieces, text)
      note(verdicts, found.length === 0, `${where}: the ${name} stands in ${place} (${found.join(', ')})`)
    }
  }
}

/** One case for each form in each place: planted there, it is found. */
export const expectPlanted = (verdicts: Verdicts, where: string, places: Places, planted: string, onlyForms?: readonly string[]): void => {
  const forms = formsOf(planted)
    .map(({ name }) => name)
    .filter((name) => onlyForms === undefined || onlyForms.includes(name))
  for (const [place, pieces] of places) {
    const found = formsFound(pieces, planted)
    for (const form of forms)
      note(verdicts, found.includes(form), `${where}: control: a canary planted in ${place} as ${form} is not found`)
  }
}

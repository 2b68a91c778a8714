import { parseArgs } from 'node:util'
import { KINDS, type Violation } from './inspect'
import { PHASES } from './observed'
import { Random } from './random'
import { playRound, type Round } from './round'

/**
 * node --import tsx tests/kill/campaign.ts [--kills N] [--seed S] [--round R] [--json]
 *
 * Kills runs of `drayage run` at drawn moments until there were N kills, lets the last run of each round end, and inspects what
 * is there. Exit code 1 on any violation, with the seed and round that repeat it; --round plays that round alone.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: 'drayage' },
    round: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

/** Kills of one round, at most. */
const MOST_KILLS = 4

/** Rounds with violations after which the campaign ends: what does not run at all would never be killed either. */
const ENOUGH_VIOLATED = 5

const say = (line: string): void => void process.stderr.write(`${line}\n`)

const total = (rounds: readonly Round[], of: (round: Round) => number): number => rounds.reduce((sum, round) => sum + of(round), 0)

const tally = (names: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

const countsOf = (rounds: readonly Round[]) => {
  const runs = rounds.flatMap((round) => round.runs)
  const killed = runs.filter((run) => run.killed)
  const violations = rounds.flatMap((round) => round.violations)
  const phases = tally(killed.map(({ phase }) => phase))
  return {
    kills: killed.length,
    killsByPhase: Object.fromEntries(PHASES.map((phase) => [phase, phases[phase] ?? 0])),
    killsByMoment: tally(killed.map(({ plan }) => (plan!.at === 'request' ? plan!.aim.what : `any moment after the ${plan!.at}`))),
    rounds: rounds.length,
    runs: runs.length,
    runsVerified: runs.length - killed.length - violations.filter(({ kind }) => kind === 'run not verified').length,
    sourceChanges: tally(rounds.flatMap((round) => round.changes)),
    objectsCompared: total(rounds, (round) => round.objects),
    locksTakenOver: total(rounds, (round) => round.locksTakenOver),
    uploadsAdopted: total(rounds, (round) => round.adopted),
    partsReused: total(rounds, (round) => round.partsReused),
    uploadsAborted: total(rounds, (round) => round.aborted),
    keysRefused: total(rounds, (round) => round.keysRefused),
    violations: Object.fromEntries(KINDS.map((kind) => [kind, violations.filter((violation) => violation.kind === kind).length])),
  }
}

const progress = (number: number, { runs, changes, violations }: Round, kills: number): string => {
  const phases = runs.map((run) => (run.killed ? run.phase : `ended${run.plan ? ' before its kill' : ''}`)).join(', ')
  const changed = changes.length > 0 ? `; ${changes.join(', ')}` : ''
  return `round ${number}: ${phases}${changed}; ${kills} kills so far${violations.length > 0 ? `; ${violations.length} VIOLATIONS` : ''}`
}

const complaint = (number: number | 'unkilled', { violations, kept }: Round): string[] => [
  ...violations.map(({ kind, detail }: Violation) => `VIOLATION in round ${number}: ${kind}: ${detail}`),
  ...(kept === undefined
    ? []
    : [`repeat it with --seed ${values.seed}${number === 'unkilled' ? '' : ` --round ${number}`}; its folder is ${kept}`]),
]

const violated = (rounds: readonly Round[]): number => rounds.filter(({ violations }) => violations.length > 0).length

/** How long the run took that was let end, from its first request, in ms. */
const lastRunMs = ({ runs }: Round): number => runs.at(-1)!.ms

const main = async (): Promise<void> => {
  const began = performance.now()
  const wanted = Number(values.kills)
  const only = values.round === undefined ? undefined : Number(values.round)
  if (!Number.isSafeInteger(wanted) || wanted < 1 || (only !== undefined && !Number.isSafeInteger(only)))
    throw new RangeError('--kills and --round take whole numbers')
  const unkilled = await playRound({ seed: `${values.seed}/unkilled`, runMs: 0, kills: 0 })
  say(`an unkilled run takes ${Math.round(lastRunMs(unkilled))} ms from its first request`)
  const rounds = [unkilled]
  for (const line of complaint('unkilled', unkilled)) say(line)
  let kills = 0
  for (let number = only ?? 0; kills < wanted && violated(rounds) < ENOUGH_VIOLATED; number++) {
    // Not the first run's time for good: a machine that others use too is not always as fast, and what is drawn beyond the end
    // of a run kills nothing. The longest, because a run that goes on with another's work is short.
    const runMs = Math.max(...rounds.slice(-4).map(lastRunMs))
    const seed = `${values.seed}/${number}`
    const round = await playRound({ seed, runMs, kills: new Random(`${seed}/kills`).whole(1, MOST_KILLS) })
    rounds.push(round)
    kills += round.runs.filter((run) => run.killed).length
    say(progress(number, round, kills))
    for (const line of complaint(number, round)) say(line)
    if (only !== undefined) break
  }
  const document = {
    seed: values.seed,
    node: process.version,
    seconds: Math.round((performance.now() - began) / 1000),
    ...countsOf(rounds),
  }
  process.stdout.write(`${JSON.stringify(document, null, values.json ? 0 : 2)}\n`)
  if (Object.values(document.violations).some((count) => count > 0)) process.exitCode = 1
}

await main()

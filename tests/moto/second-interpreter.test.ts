import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packaged, type Packaged } from '../package/packaged'
import { describeWithMoto } from '../support/moto'
import { DESTINATION_BUCKET, DESTINATION_HOST, NOTHING_HELD, openCloud, SOURCE_KEY, SOURCE_SECRET, type Cloud } from '../support/moto-cloud'
import { SOURCE_HOST } from '../support/moto-door'
import { inLocalEngine, inMoto, inMotoWith } from '../support/moto-interpreters'
import { runScenario, type End } from '../support/moto-run'
import { FUNCTIONS_KEY } from '../support/packaged-functions'
import { SCENARIOS, type Ends } from './scenarios'

let place: string
let output: Packaged
let here: Cloud
let there: Cloud

/** What Cleanup must have seen of every run that was opened, whoever called it. moto alone would refuse neither write nor session. */
const SEEN = [
  /^3 write s3:CreateMultipartUpload closed$/m,
  /^7 role iam:GetRole closed\n7 role sts:AssumeRole closed\n7 role iam:GetRole closed\n7 role sts:AssumeRole closed$/m,
  /^7 inventory inventory closed$/m,
]

/** An end in the words of the table. */
const inWords = ({ status, error, reason, ledger, arrived, closedBy, finally: last }: End): Record<keyof Ends, unknown> => ({
  status,
  error,
  reason,
  copied: (ledger as { copied: number } | undefined)?.copied,
  failed: (ledger as { failed: number } | undefined)?.failed,
  arrived: arrived.length,
  closedBy,
  secret: last.secret ? 'kept' : 'deleted',
})

/** moto writes no results of a Map Run: with it nobody can say why a child failed. */
const CHILDREN = /^(?:(?:CopyBatches|CopyLargeObjects|VerifyBatches): (?:1 child|[\d,]+ children) ended with [^;]*; )+/

const withoutChildren = (text: string | undefined): string | undefined => text?.replace(CHILDREN, '')

/** What both interpreters must have in common. A stopped run is cut off anywhere: what it had done by then is not compared. */
const common = (end: End, stopped: boolean): Partial<End> => {
  if (!stopped) return { ...end, reason: withoutChildren(end.reason), cause: withoutChildren(end.cause) }
  const { status, during, left, finally: last, closedBy, closure, certificate, calledAfterwards } = end
  return { status, during, left, finally: last, closedBy, closure, certificate, calledAfterwards }
}

/** Who signed what: the functions for the account's own services, the secret's key at the source, the run's role at the destination. */
const expectOwnSigners = ({ door }: Cloud): void => {
  for (const [host, signers] of door.signers) {
    const expected = host === SOURCE_HOST ? [SOURCE_KEY] : [FUNCTIONS_KEY]
    if (host === DESTINATION_HOST) for (const signer of signers) expect(signer).toMatch(/^ASIA/)
    else expect({ host, signers: [...signers] }).toEqual({ host, signers: expected })
  }
}

describeWithMoto('the deployed state machine in moto’s interpreter and in ours, with the packaged functions', () => {
  beforeAll(async () => {
    place = await mkdtemp(join(tmpdir(), 'drayage-moto-'))
    output = await packaged(`allowedDestinations=${DESTINATION_BUCKET}`)
    ;[here, there] = await Promise.all(
      ['here', 'there'].map((name) => openCloud({ packaged: output, place: join(place, name) })) as [Promise<Cloud>, Promise<Cloud>],
    )
  })

  afterAll(async () => {
    await Promise.all([here.close(), there.close()])
    await output.remove()
    await rm(place, { recursive: true })
  })

  test.each(SCENARIOS.map((scenario, index) => [scenario.name, scenario, `run-${index}`] as const))(
    '%s',
    async (_name, scenario, runId) => {
      const [ours, motos] = await Promise.all([
        runScenario(here, inLocalEngine, scenario, runId),
        runScenario(there, inMoto, scenario, runId),
      ])
      const { ends, inMoto: difference, calls, stopIn, children } = scenario
      expect(inWords(ours.end)).toMatchObject(ends)
      expect(inWords(motos.end)).toMatchObject({ ...ends, ...difference?.ends })
      if (difference === undefined) expect(common(motos.end, stopIn !== undefined)).toEqual(common(ours.end, stopIn !== undefined))

      if (children !== undefined) expect(ours.end.reason).toMatch(new RegExp(`^${children}; `))
      expect(motos.end.reason ?? '').not.toMatch(CHILDREN)

      for (const { end } of [ours, motos]) {
        if (scenario.letters !== undefined) expect(end.letters).toBe(scenario.letters)
        if (calls) expect(end.calls).toMatchObject(calls)
        for (const [task, held] of Object.entries(end.during))
          expect({ task, ...held }).toMatchObject({ task, write: true, verify: true, schedule: true, secret: true, locked: true })
        expect(end.finally).toEqual({ ...NOTHING_HELD, secret: ends.secret === 'kept' })
        const opened = ends.closedBy !== 'nothing was opened'
        expect(end.closure?.complete).toBe(opened ? true : undefined)
        expect(end.certificate).toBe(opened ? undefined : 'there is none')
        // Where OpenAccess never came to its work there is nothing to see refused.
        const created = opened && (scenario.faults?.openAccess === undefined || scenario.faults.openAccess.late === true)
        for (const seen of created ? SEEN : []) expect(end.closure?.observed.join('\n')).toMatch(seen)
        expect(end.calledAfterwards).toEqual([])
      }
      for (const cloud of [here, there]) expectOwnSigners(cloud)
      expect(motos.history).toContain('ExecutionStarted')
      for (const text of [motos.history, here.functions.written(), there.functions.written()]) expect(text).not.toContain(SOURCE_SECRET)
      expect(motos.history).not.toMatch(/object\/0|large\/0/)
    },
  )

  test('control: a state machine that goes past Cleanup does not end alike, and what it leaves is seen', async () => {
    const forgetful = inMotoWith((deployed) => deployed.replaceAll(/"(Next|Default)": ?"Cleanup"/g, '"$1": "WriteReport"'))
    const [ours, motos] = await Promise.all([
      runScenario(here, inLocalEngine, SCENARIOS[0]!, 'control'),
      runScenario(there, forgetful, SCENARIOS[0]!, 'control'),
    ])
    expect(common(motos.end, false)).not.toEqual(common(ours.end, false))
    expect(motos.end).toMatchObject({ status: 'FAILED', error: 'CleanupIncomplete', closedBy: 'closing rule' })
    expect(motos.end.left).toEqual({ write: true, verify: true, schedule: true, secret: true, uploads: 0, locked: true })
  })
})

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PreflightFile } from '../../layers/core/domain/preflight-file'
import { findJson } from '../../layers/core/domain/state-files'
import { stateKeys } from '../../layers/core/domain/state-keys'
import { packaged, type Packaged } from '../package/packaged'
import { describeWithMoto, MOTO_ACCOUNT } from '../support/moto'
import { DESTINATION_BUCKET, DESTINATION_HOST, openCloud, REGION, REQUEST, type Cloud, type Deployment } from '../support/moto-cloud'
import { inLocalEngine } from '../support/moto-interpreters'

const RUN_MS = 180_000

describeWithMoto('the packaged functions and the owner of a bucket', () => {
  let place: string
  let output: Packaged
  let cloud: Cloud

  beforeAll(async () => {
    place = await mkdtemp(join(tmpdir(), 'drayage-owner-'))
    output = await packaged(`allowedDestinations=${DESTINATION_BUCKET}`)
    cloud = await openCloud({ packaged: output, place })
  }, RUN_MS)

  afterAll(async () => {
    await cloud?.close()
    await output?.remove()
    await rm(place, { recursive: true, force: true })
  })

  const run = async (name: string, request: object): Promise<{ deployment: Deployment; preflight: PreflightFile | undefined }> => {
    const deployment = await cloud.deploy()
    deployment.runId = name
    await deployment.fill(12, [6])
    await (
      await inLocalEngine(deployment, request, name, true)
    ).ended
    return { deployment, preflight: (await findJson<PreflightFile>(deployment.state, stateKeys(name).preflight))?.value }
  }

  test(
    'every call of a deployed run to Amazon S3 names the account, as every bucket has one',
    async () => {
      const { deployment, preflight } = await run('owned', REQUEST)
      expect(await deployment.report('owned')).toMatchObject({
        succeeded: true,
        postflight: { repeated: true, drift: [] },
        checklist: expect.arrayContaining([expect.objectContaining({ id: 'destination-secured', status: 'pass' })]),
      })
      expect(preflight).toMatchObject({ runtime: 'aws', problems: [], probes: { wrote: true } })
      const { owners } = cloud.door
      expect(owners.filter(({ owner }) => owner !== MOTO_ACCOUNT)).toEqual([])
      for (const asked of [
        `PUT ${DESTINATION_HOST}/`,
        `GET ${DESTINATION_HOST}/?encryption`,
        `GET ${deployment.stack.outputs.StateBucketName}`,
      ])
        expect(owners.some(({ request }) => request.startsWith(asked))).toBe(true)
      expect(owners.length).toBeGreaterThan(100)
    },
    RUN_MS,
  )

  test(
    'a bucket that its class does not allow is refused by the deployed functions, and nothing is created there',
    async () => {
      const { deployment, preflight } = await run('refused', { ...REQUEST, dataClassification: 'confidential' })
      expect(preflight?.problems.map((line) => line.slice(0, 40))).toEqual([
        'destination.bucket: Default encryption: ',
        'destination.bucket: Versioning: never en',
        'destination.bucket: Server access loggin',
      ])
      expect(await deployment.report('refused')).toMatchObject({ succeeded: false, preflight: { problems: preflight?.problems } })
      expect(await deployment.arrived()).toEqual([])
      const written = cloud.door.owners.filter(({ request }) => /^(PUT|POST)/.test(request) && request.includes(DESTINATION_HOST))
      // Cleanup's own try, which a suspended role must be refused; Preflight made none.
      expect(written.map(({ request }) => request)).toEqual([`POST ${DESTINATION_HOST}/from/.drayage-probe?uploads=`])
      const closure = await deployment.closure('refused')
      expect(closure?.steps[2]?.observations).toEqual([expect.objectContaining({ answer: expect.stringMatching(/^AccessDenied: /) })])
      expect(await deployment.held('refused')).toMatchObject({ write: false, verify: false, schedule: false, locked: false, uploads: 0 })
    },
    RUN_MS,
  )

  test(
    'restricted data needs the stage in a VPC, which this one is not',
    async () => {
      const { preflight } = await run('restricted', { ...REQUEST, dataClassification: 'restricted', residency: { regions: [REGION] } })
      expect(preflight?.problems).toContainEqual(
        expect.stringMatching(/^dataClassification: .* stand in a VPC: the stage was deployed without vpcId/),
      )
    },
    RUN_MS,
  )
})

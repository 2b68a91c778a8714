import { AccessNotOpened, CredentialsRefused, parseRequest, resourceName, type Grant, type Migration } from '@drayage/core'
import * as S3 from '@aws-sdk/client-s3'
import { localAccess } from '../../cli/local/access'
import { foreignCredentials } from '../../cli/local/foreign-credentials'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import { localStores } from '../../cli/local/stores'
import { tryKey } from '../../cli/local/try-key'
import { rootStore, scratch } from './cli-support'

const place = scratch()
const now = () => new Date()
let server: EmbeddedS3

beforeAll(async () => {
  server = await startEmbeddedS3({ directory: place.folder })
  for (const name of ['from-here', 'to-there']) await server.createBucket(name)
  const source = rootStore(server, 'from-here')
  await source.put(Buffer.from('in/object'), Buffer.from('body'))
  await source.close()
})
afterAll(async () => {
  await server.close()
  place.remove()
})

let runs = 0
const migrate = (request: object = {}): Migration => {
  const sides = {
    source: { bucket: 'from-here', prefix: 'in/', endpoint: 'embedded' },
    destination: { bucket: 'to-there', prefix: 'out/', endpoint: 'embedded' },
  }
  return parseRequest({ ...sides, ...request }, { runtime: 'local', runId: `run-${++runs}`, executionId: 'none', now: now() })
}

const FOREIGN = {
  source: { bucket: 'from-here', endpoint: 'http://127.0.0.1:9' },
  destination: { bucket: 'to-there', endpoint: 'http://127.0.0.1:9' },
}
const ENV = {
  DRAYAGE_SOURCE_ACCESS_KEY_ID: 'EXAMPLESOURCE',
  DRAYAGE_SOURCE_SECRET_ACCESS_KEY: 'fake-source-secret',
  DRAYAGE_DESTINATION_ACCESS_KEY_ID: 'EXAMPLEDESTINATION',
  DRAYAGE_DESTINATION_SECRET_ACCESS_KEY: 'fake-destination-secret',
}

const opened = async (migration = migrate(), on = server) => {
  const access = localAccess({ server: on, now, env: {} })
  const grants = access.plan(migration)
  for (const grant of grants) await access.create(grant, migration)
  const [write, verify] = grants as [Grant, Grant]
  return { access, migration, grants, write, verify, stores: localStores(access) }
}

describe("a run's access to the embedded server", () => {
  it('creates nothing by planning, and one key each by creating twice', async () => {
    const migration = migrate()
    const access = localAccess({ server, now, env: {} })
    const grants = access.plan(migration)
    const name = resourceName(migration.runId)
    expect(grants.map((grant) => grant.name)).toEqual([`${name}-write`, `${name}-verify`])
    const ours = async () => (await access.inventory()).filter(({ name: found }) => found.startsWith(name)).map(({ name: found }) => found)
    expect(await ours()).toEqual([])
    const ids: string[] = []
    for (const grant of grants) {
      const use = grant.name.endsWith('write') ? 'write' : 'read'
      await expect(access.confirm(grant, migration)).rejects.toThrow(AccessNotOpened)
      await expect((await access.destination(migration, use)).credentials()).rejects.toThrow(CredentialsRefused)
      await access.create(grant, migration)
      const { accessKeyId } = await (await access.destination(migration, use)).credentials()
      await access.create(grant, migration)
      expect((await (await access.destination(migration, use)).credentials()).accessKeyId).toBe(accessKeyId)
      await access.confirm(grant, migration)
      ids.push(accessKeyId)
    }
    expect(new Set(ids).size).toBe(2)
    expect(await ours()).toEqual(grants.map((grant) => grant.name))
    expect(await access.ownerOf(grants[0]!)).toBe(migration.runId)
    const stranger = server.issueKey({ bucket: 'to-there', prefix: '', allow: 'list', expiresAt: new Date(Date.now() + 60_000) })
    expect(await access.inventory()).toContainEqual({ kind: 'key', name: stranger.accessKeyId })
    expect(await access.ownerOf({ kind: 'key', name: stranger.accessKeyId })).toBeUndefined()
    await server.revokeKey(stranger.accessKeyId)
    expect(await access.inventory()).not.toContainEqual({ kind: 'key', name: stranger.accessKeyId })
  })

  it('each key can do its work below its prefix, and no more', async () => {
    const { migration, stores } = await opened()
    const [source, writer, verifier] = [
      await stores.source(migration),
      await stores.destination(migration, 'write'),
      await stores.destination(migration, 'read'),
    ]
    const { body } = await source.read(Buffer.from('in/object'))
    body.destroy()
    await writer.put(Buffer.from('out/in/object'), Buffer.from('body'))
    for await (const page of verifier.list({ prefix: Buffer.from('out/in/') }))
      expect(page.map(({ key }) => key.toString())).toEqual(['out/in/object'])

    await expect(source.put(Buffer.from('in/object'), Buffer.from('other'))).rejects.toThrow('AccessDenied')
    await expect(writer.put(Buffer.from('elsewhere'), Buffer.from('body'))).rejects.toThrow('AccessDenied')
    await expect(writer.read(Buffer.from('out/in/object'))).rejects.toThrow('AccessDenied')
    const arrived = await verifier.read(Buffer.from('out/in/object'))
    arrived.body.destroy()
    expect(await verifier.tags(Buffer.from('out/in/object'))).toEqual([])
    await expect(verifier.put(Buffer.from('out/in/object'), Buffer.from('other'))).rejects.toThrow('AccessDenied')
    await expect(verifier.read(Buffer.from('elsewhere'))).rejects.toThrow('AccessDenied')
    for (const store of [source, writer, verifier]) await expect(store.mark(Buffer.from('out/in/object'))).rejects.toThrow('AccessDenied')
    await expect(source.restore(Buffer.from('in/object'), { tier: 'Bulk', days: 1 })).rejects.toThrow('AccessDenied')
    await stores.close()
  })

  it('of a run over all versions, the key that writes puts delete markers below its prefix in a bucket with versions; suspended, none', async () => {
    const client = new S3.S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      credentials: server.root,
      forcePathStyle: true,
    })
    const sides = { destination: { bucket: 'with-versions', prefix: 'out/', endpoint: 'embedded' }, carry: { versions: 'all' } }
    await server.createBucket('with-versions')
    await client.send(new S3.PutBucketVersioningCommand({ Bucket: 'with-versions', VersioningConfiguration: { Status: 'Enabled' } }))
    const { access, migration, grants, stores } = await opened(migrate(sides))
    const writer = await stores.destination(migration, 'write')
    const verifier = await stores.destination(migration, 'read')
    const key = Buffer.from('out/in/object')
    const { versionId } = await writer.put(key, Buffer.from('body'))
    expect((await writer.mark(key)).versionId).not.toBe(versionId)
    expect(await verifier.stat(key)).toBeUndefined()
    expect((await verifier.stat(key, { versionId }))?.size).toBe(4)
    await expect(writer.mark(Buffer.from('elsewhere'))).rejects.toThrow('AccessDenied')
    await expect(verifier.mark(key)).rejects.toThrow('AccessDenied')
    const { accessKeyId, secretAccessKey } = await (await access.destination(migration, 'write')).credentials()
    const holder = new S3.S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey },
      forcePathStyle: true,
    })
    const version = { Bucket: 'with-versions', Key: String(key), VersionId: versionId }
    await expect(holder.send(new S3.DeleteObjectCommand(version))).rejects.toThrow('Access Denied')
    for (const grant of grants) await access.suspend(grant, migration)
    await expect(writer.mark(key)).rejects.toThrow('AccessDenied')
    for (const one of [client, holder]) one.destroy()
    await stores.close()
  })

  it('of a run over all versions into a bucket without them, no key deletes', async () => {
    const { migration, stores } = await opened(migrate({ carry: { versions: 'all' } }))
    const writer = await stores.destination(migration, 'write')
    const key = Buffer.from('out/in/kept')
    await writer.put(key, Buffer.from('body'))
    await expect(writer.mark(key)).rejects.toThrow('AccessDenied')
    expect((await (await stores.destination(migration, 'read')).stat(key))?.size).toBe(4)
    await stores.close()
  })

  it('of a run that restores, the key that reads the source may ask for it', async () => {
    const { migration, stores } = await opened(migrate({ restore: { archived: true } }))
    const source = await stores.source(migration)
    await expect(source.restore(Buffer.from('in/absent'), { tier: 'Bulk', days: 1 })).rejects.toThrow('NoSuch')
    await expect(source.restore(Buffer.from('out/absent'), { tier: 'Bulk', days: 1 })).rejects.toThrow('AccessDenied')
    await stores.close()
  })

  it('suspended, the same key writes and lists no more, and its open uploads can still be aborted', async () => {
    const { access, migration, grants, stores } = await opened()
    const key = Buffer.from('out/in/upload')
    const writer = await stores.destination(migration, 'write')
    const verifier = await stores.destination(migration, 'read')
    const upload = await writer.createUpload(key)
    const { accessKeyId } = await (await access.destination(migration, 'write')).credentials()
    for (const grant of [...grants, ...grants]) await access.suspend(grant, migration)

    expect((await (await access.destination(migration, 'write')).credentials()).accessKeyId).toBe(accessKeyId)
    await expect(writer.put(key, Buffer.from('body'))).rejects.toThrow('AccessDenied')
    await expect(writer.createUpload(key)).rejects.toThrow('AccessDenied')
    await expect(verifier.list({ prefix: key })[Symbol.asyncIterator]().next()).rejects.toThrow('AccessDenied')
    expect((await writer.listUploads(key)).map(({ uploadId }) => uploadId)).toEqual([upload])
    await writer.abortUpload(key, upload)
    expect(await writer.listUploads(key)).toEqual([])
    await stores.close()
  })

  it('of a run whose process is gone, suspending gives a key that can abort and nothing else', async () => {
    const migration = migrate()
    const access = localAccess({ server, now, env: {} })
    for (const grant of access.plan(migration)) await access.suspend(grant, migration)
    const stores = localStores(access)
    const store = await stores.destination(migration, 'write')
    const key = Buffer.from('out/in/left')
    await expect(store.createUpload(key)).rejects.toThrow('AccessDenied')
    expect(await store.listUploads(key)).toEqual([])
    await expect(stores.destination(migration, 'read')).rejects.toThrow(CredentialsRefused)
    await stores.close()
  })

  it('its keys work while the run goes on; removed, each is refused, proved by use, and no new one is given', async () => {
    const { access, migration, grants, write, stores } = await opened()
    for (const use of ['write', 'read'] as const) await stores.destination(migration, use)
    await stores.source(migration)
    expect((await access.tryActive(migration)).map(({ name, closed }) => [name.split('-').at(-1), closed])).toEqual([
      ['write', false],
      ['verify', false],
      ['source', false],
    ])
    expect(await access.prove(write, migration)).toMatchObject([{ answer: 'it still works', closed: false }])
    for (const verb of ['suspend', 'remove', 'remove'] as const) for (const grant of grants) await access[verb](grant, migration)
    const proofs = await Promise.all(grants.map((grant) => access.prove(grant, migration)))
    expect(proofs.flat()).toMatchObject([
      { kind: 'key', name: write.name, call: 's3:PutObject', answer: '403 InvalidAccessKeyId', closed: true },
      { call: 's3:ListObjectsV2', answer: '403 InvalidAccessKeyId', closed: true },
    ])
    expect(await access.endCredential(migration, true)).toMatchObject([
      { call: 'revokeKey', answer: 'revoked', closed: true },
      { call: 's3:ListObjectsV2', answer: '403 InvalidAccessKeyId', closed: true },
    ])
    expect(await access.tryActive(migration)).toEqual([])
    expect((await access.tryEnded(migration)).map(({ name, closed }) => [name.split('-').at(-1), closed])).toEqual([
      ['write', true],
      ['verify', true],
      ['source', true],
    ])
    for (const grant of grants) await expect(access.create(grant, migration)).rejects.toThrow(CredentialsRefused)
    for (const ask of [
      () => stores.source(migration),
      () => stores.destination(migration, 'write'),
      () => stores.destination(migration, 'read'),
    ]) {
      await expect(ask()).rejects.toThrow(CredentialsRefused)
    }
    await stores.close()
  })

  it('a key that outlives its removal is seen: the proof says that it is open', async () => {
    const forgetful = { ...server, revokeKey: async () => undefined }
    const { access, migration, write } = await opened(migrate(), forgetful)
    await access.remove(write, migration)
    const [proof] = await access.prove(write, migration)
    expect(proof).toMatchObject({ call: 's3:PutObject', closed: false })
    expect(proof!.answer).not.toContain('InvalidAccessKeyId')
    expect(await access.inventory()).toContainEqual({ kind: 'key', name: write.name })
  })

  it('trying a key that works writes nothing', async () => {
    const { access, migration } = await opened()
    const { endpoint, region, credentials } = await access.destination(migration, 'write')
    const key = Buffer.from('out/in/tried')
    const tried = await tryKey('s3:PutObject', { endpoint: endpoint!, region, bucket: 'to-there', key, credentials: await credentials() })
    expect(tried.refused).toBe(false)
    const root = rootStore(server, 'to-there')
    expect(await root.stat(key)).toBeUndefined()
    await root.close()
  })

  it("another run's grant is refused", async () => {
    const { access, migration } = await opened()
    const other = { kind: 'key', name: 'drayage-00000000000000000000', purpose: 'none of ours' } as const
    for (const act of [access.create, access.confirm, access.suspend, access.remove, access.prove]) {
      await expect(act(other, migration)).rejects.toThrow(AccessNotOpened)
    }
  })
})

describe('access to foreign stores', () => {
  it('nothing is created, and the closure says whose credentials were used, without them', async () => {
    const migration = migrate(FOREIGN)
    const access = localAccess({ server, now, env: ENV })
    expect(access.plan(migration)).toEqual([])
    const observations = await access.endCredential(migration, true)
    expect(observations.map(({ kind, name, answer }) => [kind, name, answer])).toEqual([
      [
        'credential',
        'source',
        "the source's credentials came from the environment (DRAYAGE_SOURCE_ACCESS_KEY_ID): nothing was created there, and ending them is yours",
      ],
      [
        'credential',
        'destination',
        "the destination's credentials came from the environment (DRAYAGE_DESTINATION_ACCESS_KEY_ID): nothing was created there, and ending them is yours",
      ],
    ])
    expect(JSON.stringify(observations)).not.toContain('fake-')
  })

  it("each side has its own credentials and never the other's", async () => {
    const { source, destination } = migrate(FOREIGN)
    expect(await foreignCredentials('source', source, ENV).provider()).toMatchObject({ accessKeyId: 'EXAMPLESOURCE' })
    expect(
      await foreignCredentials('destination', destination, { ...ENV, DRAYAGE_DESTINATION_SESSION_TOKEN: 'fake-token' }).provider(),
    ).toEqual({
      accessKeyId: 'EXAMPLEDESTINATION',
      secretAccessKey: 'fake-destination-secret',
      sessionToken: 'fake-token',
    })
    const { DRAYAGE_SOURCE_ACCESS_KEY_ID: _id, DRAYAGE_SOURCE_SECRET_ACCESS_KEY: _secret, ...destinationOnly } = ENV
    expect(() => foreignCredentials('source', source, destinationOnly)).toThrow(/^source\.profile: no credentials for http/)
    expect(() => foreignCredentials('source', source, { AWS_ACCESS_KEY_ID: 'EXAMPLE', AWS_SECRET_ACCESS_KEY: 'fake' })).toThrow(
      CredentialsRefused,
    )
  })

  it('half of a pair of variables is refused by the name of the other half', () => {
    const { source } = migrate(FOREIGN)
    expect(() => foreignCredentials('source', source, { DRAYAGE_SOURCE_ACCESS_KEY_ID: 'EXAMPLE' })).toThrow(
      /DRAYAGE_SOURCE_SECRET_ACCESS_KEY is not set/,
    )
    expect(() => foreignCredentials('source', source, { DRAYAGE_SOURCE_SECRET_ACCESS_KEY: 'fake' })).toThrow(
      /DRAYAGE_SOURCE_ACCESS_KEY_ID is not set/,
    )
  })
})

import { writeFileSync } from 'node:fs'
import type { ObjectStore } from '@drayage/core'
import { startEmbeddedS3, type EmbeddedS3 } from '../../cli/local/s3-server/index'
import type { RunDocument } from '../../cli/run-document'
import { inState, rootStore, scratch, start } from './cli-support'

// Each starts the command up to twice, at several seconds each on a busy machine.

const place = scratch()
const servers: EmbeddedS3[] = []
afterAll(async () => {
  for (const server of servers) await server.close()
  place.remove()
})

/** A store of another process whose archive takes `restoreMs` to give an object back. */
const coldStore = async (name: string, restoreMs: number, fill: (store: ObjectStore, server: EmbeddedS3) => Promise<void>) => {
  const server = await startEmbeddedS3({ directory: place.path(name), restoreMs })
  servers.push(server)
  await server.createBucket('cold')
  const store = rootStore(server, 'cold')
  await fill(store, server)
  await store.close()
  return server
}

const put = (store: ObjectStore, key: string, storageClass?: string): Promise<unknown> =>
  store.put(Buffer.from(key), Buffer.from(`body of ${key}`), storageClass === undefined ? {} : { storageClass })

const begin = async (server: EmbeddedS3, state: string, request: object, ...more: string[]) => {
  await inState(state, (open) => open('to-there'))
  const file = place.path('request.json')
  writeFileSync(
    file,
    JSON.stringify({
      source: { bucket: 'cold', endpoint: server.endpoint, provider: 'minio' },
      destination: { bucket: 'to-there', endpoint: 'embedded' },
      ...request,
    }),
  )
  const env = { DRAYAGE_SOURCE_ACCESS_KEY_ID: server.root.accessKeyId, DRAYAGE_SOURCE_SECRET_ACCESS_KEY: server.root.secretAccessKey }
  return start(['run', file, '--state', state, ...more], { cwd: place.folder, env })
}

const mixed = async (store: ObjectStore, server: EmbeddedS3): Promise<void> => {
  for (const name of ['a', 'b', 'c']) await put(store, `frozen/${name}`, 'GLACIER')
  await put(store, 'instant', 'GLACIER_IR')
  for (const name of ['a', 'b']) await put(store, `tiered/${name}`, 'INTELLIGENT_TIERING')
  await put(store, 'warm')
  await server.archive('cold', Buffer.from('tiered/b'), 'ARCHIVE_ACCESS')
}

describe('drayage run over a source with archived objects', () => {
  it('a dry run says what is archived and how long restoring takes; a run without it fails for those objects only', async () => {
    const server = await coldStore('told', 0, mixed)
    const state = place.path('told-state')
    const dry = await (await begin(server, state, {}, '--dry-run')).ended
    expect(dry.code).toBe(0)
    expect(dry.stdout).toContain('Archived at the source\n  GLACIER: 3 objects, ')
    expect(dry.stdout).toMatch(/INTELLIGENT_TIERING: 2 objects, .*does not say how many are archived/)
    expect(dry.stdout).toContain('restoring by Bulk takes up to 48 hours; the restored copies stay 7 days')
    const without = await (await begin(server, state, {})).ended
    expect(without.code).toBe(1)
    expect(without.stdout.match(/ObjectArchived: .*run again with restore\.archived/g)).toHaveLength(4)
    expect(without.stdout).toMatch(/copied +3/)
  })

  it('restores them, waits, copies and verifies; and says how far it is', async () => {
    const server = await coldStore('restored', 2500, mixed)
    const state = place.path('restored-state')
    const command = await begin(server, state, { restore: { archived: true } }, '--name', 'cold')
    await command.said('RestoreArchived: restoring archived objects, 0 of 4 ready, next look at ')
    const { code, stdout, stderr } = await command.ended
    expect(stderr).toContain('4 of 4 ready')
    expect(stdout).toContain('4 of 4 restored, 0 were at the destination already')
    expect(code).toBe(0)
    const again = await (await begin(server, state, { restore: { archived: true } }, '--json')).ended
    expect(JSON.parse(again.stdout) as RunDocument).toMatchObject({
      verified: true,
      ledger: { copied: 0, skipped: 7 },
      archived: { requested: true, asked: 0, notNeeded: 5, byClass: { GLACIER: { objects: 3 } } },
    })
  })

  it('Ctrl-C while it waits ends in Cleanup at once', async () => {
    const server = await coldStore('stopped', 3_600_000, mixed)
    const state = place.path('stopped-state')
    const command = await begin(server, state, { restore: { archived: true } }, '--name', 'stopped')
    await command.said('0 of 4 ready, next look at ')
    command.signal('SIGINT')
    const { code, stdout } = await command.ended
    expect(code).toBe(130)
    expect(stdout).toMatch(/^INTERRUPTED/)
    expect(stdout).toContain('access is closed')
    expect(stdout).toContain('0 of 4 restored')
  })

  it('is told by its own tier that DEEP_ARCHIVE cannot be had in minutes', async () => {
    const server = await coldStore('deep', 0, (store) => put(store, 'deep', 'DEEP_ARCHIVE').then(() => undefined))
    const state = place.path('deep-state')
    const refused = await (await begin(server, state, { restore: { archived: true, tier: 'Expedited' } })).ended
    expect(refused.code).toBe(1)
    expect(refused.stdout).toMatch(/NOT VERIFIED {2}InvalidRequest: restore\.tier: Expedited does not restore DEEP_ARCHIVE/)
  })
})

import { createHash } from 'node:crypto'
import { startEmbeddedS3, type EmbeddedS3, type IssuedKey, type KeyGrant } from '../../cli/local/s3-server/index'
import { codeOf, sendSigned, temporaryDirectory, type RawReply } from '../support/embedded-client'

const SECOND = 1000
const DAY = 86_400_000
const RESTORE_MS = 5 * SECOND

let temporary: ReturnType<typeof temporaryDirectory>
let server: EmbeddedS3
let clock = Math.floor(Date.now() / SECOND) * SECOND

const start = async (): Promise<void> => {
  server = await startEmbeddedS3({ directory: temporary.directory, now: () => new Date(clock), restoreMs: RESTORE_MS })
}

beforeAll(async () => {
  temporary = temporaryDirectory()
  await start()
  for (const name of ['plain', 'versions', 'suspended']) await server.createBucket(name)
  await ask('PUT', '/locked', { headers: { 'x-amz-bucket-object-lock-enabled': 'true' } })
  await versioning('versions', 'Enabled')
  await versioning('suspended', 'Enabled')
  await versioning('suspended', 'Suspended')
})

afterAll(async () => {
  await server.close()
  temporary.remove()
})

interface Asked {
  query?: string
  headers?: Record<string, string>
  body?: string
  by?: IssuedKey
}

const ask = (method: string, path: string, { query = '', headers = {}, body, by = server.root }: Asked = {}): Promise<RawReply> =>
  sendSigned(server.endpoint, by, {
    method,
    path,
    query,
    headers,
    date: new Date(clock),
    ...(body === undefined && method !== 'PUT' ? {} : { body: Buffer.from(body ?? '') }),
  })

const versioning = (bucket: string, status: string): Promise<RawReply> =>
  ask('PUT', `/${bucket}`, { query: 'versioning=', body: `<VersioningConfiguration><Status>${status}</Status></VersioningConfiguration>` })

const said = async (reply: Promise<RawReply>): Promise<string> => {
  const answer = await reply
  return `${answer.status} ${codeOf(answer)}`.trim()
}

const put = (path: string, headers: Record<string, string> = {}): Promise<RawReply> => ask('PUT', path, { body: 'body', headers })
const versionOf = async (reply: Promise<RawReply>): Promise<string> => `versionId=${String((await reply).headers['x-amz-version-id'])}`
const restored = (path: string, inner: string, more: Asked = {}): Promise<RawReply> =>
  ask('POST', path, { query: 'restore=', body: `<RestoreRequest>${inner}</RestoreRequest>`, ...more })
const restoreHeader = async (path: string): Promise<unknown> => (await ask('HEAD', path)).headers['x-amz-restore']

describe('an archived object', () => {
  it('is readable once it is restored, until its days are over, and then archived again', async () => {
    await put('/plain/cold', { 'x-amz-storage-class': 'GLACIER' })
    expect(await said(ask('GET', '/plain/cold'))).toBe('403 InvalidObjectState')
    expect(await said(restored('/plain/cold', '<Days>2</Days>'))).toBe('202')
    expect(await restoreHeader('/plain/cold')).toBe('ongoing-request="true"')
    expect(await said(restored('/plain/cold', '<Days>2</Days>'))).toBe('409 RestoreAlreadyInProgress')
    expect(await said(ask('GET', '/plain/cold'))).toBe('403 InvalidObjectState')

    clock += RESTORE_MS
    const until = Math.ceil(clock / DAY + 2) * DAY
    expect(await restoreHeader('/plain/cold')).toBe(`ongoing-request="false", expiry-date="${new Date(until).toUTCString()}"`)
    const read = await ask('GET', '/plain/cold')
    expect([read.body, read.headers['x-amz-storage-class']]).toEqual(['body', 'GLACIER'])
    expect(await said(ask('PUT', '/plain/copy', { headers: { 'x-amz-copy-source': 'plain/cold' } }))).toBe('200')
    expect(await said(restored('/plain/cold', '<Days>5</Days>'))).toBe('200')
    expect(await restoreHeader('/plain/cold')).toContain(new Date(until + 3 * DAY).toUTCString())

    clock = until + 3 * DAY
    expect(await restoreHeader('/plain/cold')).toBeUndefined()
    expect(await said(ask('GET', '/plain/cold'))).toBe('403 InvalidObjectState')
    expect(await said(restored('/plain/cold', '<Days>1</Days>'))).toBe('202')
  })

  it('of Intelligent-Tiering says so only in its own headers, takes no days, and is as any other once it is restored', async () => {
    await put('/plain/tiering', { 'x-amz-storage-class': 'INTELLIGENT_TIERING' })
    expect(await said(restored('/plain/tiering', ''))).toBe('403 InvalidObjectState')
    await server.archive('plain', Buffer.from('tiering'), 'DEEP_ARCHIVE_ACCESS')
    const head = await ask('HEAD', '/plain/tiering')
    expect([head.headers['x-amz-archive-status'], head.headers['x-amz-storage-class']]).toEqual([
      'DEEP_ARCHIVE_ACCESS',
      'INTELLIGENT_TIERING',
    ])
    expect((await ask('GET', '/plain', { query: 'list-type=2&prefix=tiering' })).body).not.toContain('ARCHIVE')
    expect(await said(ask('GET', '/plain/tiering'))).toBe('403 InvalidObjectState')
    expect(await said(restored('/plain/tiering', '<Days>1</Days>'))).toBe('400 InvalidArgument')
    expect(await said(restored('/plain/tiering', ''))).toBe('202')
    expect((await ask('HEAD', '/plain/tiering')).headers).toMatchObject({
      'x-amz-archive-status': 'DEEP_ARCHIVE_ACCESS',
      'x-amz-restore': 'ongoing-request="true"',
    })
    clock += RESTORE_MS
    const after = await ask('GET', '/plain/tiering')
    expect([after.body, after.headers['x-amz-archive-status'], after.headers['x-amz-restore']]).toEqual(['body', undefined, undefined])
    await expect(server.archive('plain', Buffer.from('copy'), 'ARCHIVE_ACCESS')).rejects.toMatchObject({ name: 'InvalidObjectState' })
  })

  it('is restored by the version that is named, and stays what it is through a restart', async () => {
    const id = await versionOf(put('/versions/cold', { 'x-amz-storage-class': 'DEEP_ARCHIVE' }))
    await put('/versions/cold')
    expect(await said(restored('/versions/cold', '<Days>1</Days>', { query: `restore=&${id}` }))).toBe('202')
    await server.close()
    await start()
    expect((await ask('HEAD', '/versions/cold', { query: id })).headers['x-amz-restore']).toBe('ongoing-request="true"')
    clock += RESTORE_MS
    expect((await ask('GET', '/versions/cold', { query: id })).body).toBe('body')
  })
})

describe('Object Lock', () => {
  const retention = (ms: number, mode = 'GOVERNANCE'): Record<string, string> => ({
    'x-amz-object-lock-mode': mode,
    'x-amz-object-lock-retain-until-date': new Date(clock + ms).toISOString(),
  })

  it('is said when a bucket is created, which then has versions for good', async () => {
    expect((await ask('GET', '/locked', { query: 'object-lock=' })).body).toContain('<ObjectLockEnabled>Enabled</ObjectLockEnabled>')
    expect((await ask('GET', '/locked', { query: 'versioning=' })).body).toContain('<Status>Enabled</Status>')
    expect(await said(versioning('locked', 'Suspended'))).toBe('409 InvalidBucketState')
    expect(await said(versioning('locked', 'Enabled'))).toBe('200')
  })

  it('keeps a version until its time is over, whoever asks, and lets markers and newer versions be', async () => {
    const headers = retention(60 * SECOND, 'COMPLIANCE')
    const id = await versionOf(put('/locked/kept', headers))
    expect((await ask('HEAD', '/locked/kept')).headers).toMatchObject(headers)
    expect(await said(ask('DELETE', '/locked/kept'))).toBe('204')
    await put('/locked/kept')
    expect(await said(ask('DELETE', '/locked/kept', { query: id }))).toBe('403 AccessDenied')
    const xml = `<Delete><Object><Key>kept</Key><VersionId>${id.slice('versionId='.length)}</VersionId></Object></Delete>`
    const md5 = createHash('md5').update(xml).digest('base64')
    expect((await ask('POST', '/locked', { query: 'delete=', body: xml, headers: { 'content-md5': md5 } })).body).toContain('AccessDenied')
    expect((await ask('GET', '/locked/kept', { query: id })).body).toBe('body')
    clock += 60 * SECOND
    expect(await said(ask('DELETE', '/locked/kept', { query: id }))).toBe('204')
    expect(await said(ask('GET', '/locked/kept', { query: id }))).toBe('404 NoSuchVersion')
  })

  it('holds a version without an end', async () => {
    const id = await versionOf(put('/locked/held', { 'x-amz-object-lock-legal-hold': 'ON' }))
    clock += 400 * DAY
    expect(await said(ask('DELETE', '/locked/held', { query: id }))).toBe('403 AccessDenied')
    const off = await versionOf(put('/locked/held', { 'x-amz-object-lock-legal-hold': 'OFF' }))
    expect((await ask('HEAD', '/locked/held')).headers['x-amz-object-lock-legal-hold']).toBeUndefined()
    expect(await said(ask('DELETE', '/locked/held', { query: off }))).toBe('204')
  })

  it('is not copied with an object, but asked for', async () => {
    await put('/locked/from', retention(60 * SECOND))
    await ask('PUT', '/locked/plain-copy', { headers: { 'x-amz-copy-source': 'locked/from' } })
    expect((await ask('HEAD', '/locked/plain-copy')).headers['x-amz-object-lock-mode']).toBeUndefined()
    const wanted = retention(120 * SECOND)
    await ask('PUT', '/locked/locked-copy', { headers: { 'x-amz-copy-source': 'locked/from', ...wanted } })
    expect((await ask('HEAD', '/locked/locked-copy')).headers).toMatchObject(wanted)
  })

  it.each([
    ['a mode without a date', () => ({ 'x-amz-object-lock-mode': 'GOVERNANCE' })],
    ['a date without a mode', () => ({ 'x-amz-object-lock-retain-until-date': new Date(clock + DAY).toISOString() })],
    ['another mode', () => retention(DAY, 'FOREVER')],
    ['a date that is past', () => retention(-SECOND)],
    ['a date that is none', () => ({ ...retention(DAY), 'x-amz-object-lock-retain-until-date': 'soon' })],
    ['another hold', () => ({ 'x-amz-object-lock-legal-hold': 'MAYBE' })],
  ])('refuses %s', async (_, headers) => {
    expect(await said(put('/locked/refused', headers()))).toBe('400 InvalidArgument')
    expect(await said(ask('HEAD', '/locked/refused'))).toBe('404')
  })
})

describe('a key of encryption', () => {
  const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/k'
  const headers = { 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': KEY }
  const MD5 = createHash('md5').update('body').digest('hex')

  it('is said again, and the ETag is no MD5', async () => {
    const reply = await put('/plain/encrypted', headers)
    expect(reply.headers).toMatchObject(headers)
    expect(reply.headers.etag).toMatch(/^"[0-9a-f]{32}"$/)
    expect(reply.headers.etag).not.toBe(`"${MD5}"`)
    expect((await ask('HEAD', '/plain/encrypted')).headers).toMatchObject({ ...headers, etag: reply.headers.etag })
    const plain = await put('/plain/not-encrypted')
    expect([plain.headers.etag, plain.headers['x-amz-server-side-encryption']]).toEqual([`"${MD5}"`, undefined])
  })

  it('of an upload is that of its object, and of a copy the one that is asked for', async () => {
    const id = /<UploadId>([^<]+)</.exec((await ask('POST', '/plain/joined', { query: 'uploads=', headers })).body)?.[1]
    const part = await ask('PUT', '/plain/joined', { query: `partNumber=1&uploadId=${id}`, body: 'body' })
    const list = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers.etag}</ETag></Part></CompleteMultipartUpload>`
    expect((await ask('POST', '/plain/joined', { query: `uploadId=${id}`, body: list })).headers).toMatchObject(headers)
    const joined = await ask('HEAD', '/plain/joined')
    expect(joined.headers).toMatchObject(headers)
    expect(joined.headers.etag).toMatch(/^"[0-9a-f]{32}-1"$/)

    await ask('PUT', '/plain/plain-copy', { headers: { 'x-amz-copy-source': 'plain/joined' } })
    expect((await ask('HEAD', '/plain/plain-copy')).headers).not.toHaveProperty('x-amz-server-side-encryption')
    await ask('PUT', '/plain/kms-copy', { headers: { 'x-amz-copy-source': 'plain/joined', ...headers } })
    expect((await ask('HEAD', '/plain/kms-copy')).headers).toMatchObject(headers)
  })
})

describe('what a grant may allow besides', () => {
  const grant = (bucket: string, allow: KeyGrant['allow'], also?: KeyGrant['also']): KeyGrant => ({
    bucket,
    prefix: 'in/',
    allow,
    ...(also && { also }),
    expiresAt: new Date(clock + 3600 * SECOND),
  })

  it('delete markers, where the bucket keeps versions: never the deletion of a version or of what there is only once', async () => {
    for (const bucket of ['plain', 'versions', 'suspended']) await put(`/${bucket}/in/a`)
    const id = await versionOf(put('/versions/in/a'))
    const by = server.issueKey(['plain', 'versions', 'suspended'].map((bucket) => grant(bucket, 'write', ['mark'])))
    const marked = await ask('DELETE', '/versions/in/a', { by })
    expect([marked.status, marked.headers['x-amz-delete-marker']]).toEqual([204, 'true'])
    for (const [path, query] of [
      ['/versions/in/a', id],
      ['/versions/in/a', `versionId=${String(marked.headers['x-amz-version-id'])}`],
      ['/versions/out/a', ''],
      ['/plain/in/a', ''],
      ['/suspended/in/a', ''],
    ] as const)
      expect(await said(ask('DELETE', path, { by, query }))).toBe('403 AccessDenied')
    expect((await ask('GET', '/plain/in/a')).body).toBe('body')
    expect((await ask('GET', '/suspended/in/a')).body).toBe('body')
    expect((await ask('GET', '/versions/in/a', { query: id })).body).toBe('body')

    await server.suspendKey(by.accessKeyId)
    expect(await said(ask('DELETE', '/versions/in/a', { by }))).toBe('403 AccessDenied')
    const writer = server.issueKey(grant('versions', 'write'))
    expect(await said(ask('DELETE', '/versions/in/a', { by: writer }))).toBe('403 AccessDenied')
  })

  it('restores', async () => {
    await put('/plain/in/cold', { 'x-amz-storage-class': 'GLACIER' })
    const reader = server.issueKey(grant('plain', 'read'))
    expect(await said(restored('/plain/in/cold', '<Days>1</Days>', { by: reader }))).toBe('403 AccessDenied')
    const restorer = server.issueKey(grant('plain', 'read', ['restore']))
    expect(await said(restored('/plain/in/cold', '<Days>1</Days>', { by: restorer }))).toBe('202')
    expect(await said(restored('/plain/cold', '<Days>1</Days>', { by: restorer }))).toBe('403 AccessDenied')
  })
})

it('a redirect is kept and told', async () => {
  await put('/plain/redirecting', { 'x-amz-website-redirect-location': '/elsewhere' })
  expect((await ask('GET', '/plain/redirecting')).headers['x-amz-website-redirect-location']).toBe('/elsewhere')
})

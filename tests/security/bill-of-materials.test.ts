import { createHash } from 'node:crypto'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packaged, type Packaged } from '../package/packaged'
import { bundleHashes, HASHES, SBOM, writeBill, type BundleHashes } from '../../scripts/bill-of-materials'

const ROOT = join(import.meta.dirname, '../..')
let output: Packaged

beforeAll(async () => {
  output = await packaged()
})
afterAll(() => output.remove())

const read = <Kind>(name: string): Kind => JSON.parse(readFileSync(join(output.folder, name), 'utf8')) as Kind

test('the hashes are those of the files, all zips and the template, and the certificate’s hash is made of them', () => {
  writeBill(ROOT, output.folder)
  const { bundleSha256, files } = read<BundleHashes>(HASHES)
  const zips = readdirSync(output.folder).filter((name) => name.endsWith('.zip'))
  expect(Object.keys(files).sort()).toEqual([...zips, 'cloudformation-template-update-stack.json'].sort())
  for (const [name, hash] of Object.entries(files))
    expect(hash).toBe(
      createHash('sha256')
        .update(readFileSync(join(output.folder, name)))
        .digest('hex'),
    )
  expect(output.template.Resources.CleanupLambdaFunction!.Properties.Environment.Variables.DRAYAGE_BUNDLE_SHA256).toBe(bundleSha256)
})

test('the same content packaged again has the same hashes and the same bill', async () => {
  const again = await packaged()
  try {
    const [first, second] = [bundleHashes(output.folder), bundleHashes(again.folder)]
    expect(second.bundleSha256).toBe(first.bundleSha256)
    const code = ({ files }: BundleHashes) => Object.entries(files).filter(([name]) => name.endsWith('.zip'))
    expect(code(second)).toEqual(code(first))
    const [before] = [readFileSync(join(output.folder, SBOM), 'utf8')]
    writeBill(ROOT, again.folder)
    expect(readFileSync(join(again.folder, SBOM), 'utf8')).toBe(before)
  } finally {
    await again.remove()
  }
})

test('control: one byte more in one zip is another hash, of it and of the whole', () => {
  const place = mkdtempSync(join(tmpdir(), 'drayage-bill-'))
  try {
    for (const name of readdirSync(output.folder))
      if (/\.(zip|json)$/.test(name)) copyFileSync(join(output.folder, name), join(place, name))
    const before = bundleHashes(place)
    writeFileSync(join(place, 'sweep.zip'), Buffer.concat([readFileSync(join(place, 'sweep.zip')), Buffer.from([0])]))
    const after = bundleHashes(place)
    expect(after.files['sweep.zip']).not.toBe(before.files['sweep.zip'])
    expect(after.files['core.zip']).toBe(before.files['core.zip'])
    expect(after.bundleSha256).not.toBe(before.bundleSha256)
  } finally {
    rmSync(place, { recursive: true })
  }
})

test('a folder without a package is refused', () => {
  const place = mkdtempSync(join(tmpdir(), 'drayage-bill-'))
  expect(() => bundleHashes(place)).toThrow('run serverless package first')
  rmSync(place, { recursive: true })
})

test('the bill holds what is carried, at its version, and no tool', () => {
  const { bomFormat, specVersion, components } = read<{
    bomFormat: string
    specVersion: string
    components: { group?: string; name: string; version: string }[]
  }>(SBOM)
  expect([bomFormat, specVersion]).toEqual(['CycloneDX', '1.6'])
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; dev?: boolean }>
  }
  const names = new Set(components.map(({ group, name, version }) => `${group === undefined ? '' : `${group}/`}${name}@${version}`))
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
    string,
    Record<string, string>
  >
  for (const [name, version] of Object.entries(dependencies!)) expect(names).toContain(`${name}@${version}`)
  for (const name of Object.keys(devDependencies!)) {
    if (packages[`node_modules/${name}`]?.dev === true) expect([...names].filter((found) => found.startsWith(`${name}@`))).toEqual([])
  }
})

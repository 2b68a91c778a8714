/**
 * `npm run compare-s3-servers` asks the embedded server and moto for every behaviour and writes docs/s3-servers.md. With `--check`
 * it writes nothing, and fails if the page is not what it sees; where moto is absent, or another version, its column is left out.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { motoAbsent } from '../../support/moto'
import { EMBEDDED_DIFFERENCES } from './embedded-differences'
import { S3_BEHAVIOURS } from './index'
import { driftOf, motoVersionOf, pageOf } from './page'
import { askEmbedded, askMoto, motoVersion, versionOf } from './servers'

const PAGE = join(import.meta.dirname, '..', '..', '..', 'docs', 's3-servers.md')

const write = async (): Promise<void> => {
  const absent = motoAbsent()
  if (absent !== undefined) throw new Error(`the page has a column for moto, and ${absent}`)
  const comparison = {
    date: new Date().toISOString().slice(0, 10),
    versions: {
      drayage: await versionOf(),
      moto: motoVersion(),
      sdk: await versionOf('node_modules', '@aws-sdk', 'client-s3'),
      node: process.versions.node,
    },
    embedded: await askEmbedded(),
    moto: await askMoto(),
  }
  await writeFile(PAGE, pageOf(S3_BEHAVIOURS, comparison, EMBEDDED_DIFFERENCES))
}

const check = async (): Promise<void> => {
  const page = await readFile(PAGE, 'utf8')
  const comparable = motoAbsent() === undefined && motoVersion() === motoVersionOf(page)
  const drift = driftOf(page, S3_BEHAVIOURS, await askEmbedded(), comparable ? await askMoto() : undefined)
  if (drift.length > 0)
    throw new Error(`docs/s3-servers.md is not what is seen: run npm run compare-s3-servers and commit it\n${drift.join('\n')}`)
}

try {
  await (process.argv.includes('--check') ? check() : write())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

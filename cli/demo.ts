import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MigrationRequest, Observation } from '@drayage/core'
import { fillSource, type Filled } from './demo/corpus'
import { display, silent } from './display'
import { exitCode } from './exit-codes'
import { prepare } from './local/prepare'
import { withRuntime } from './local/runtime'
import { reporting } from './reporting'
import type { RunEvent } from './progress'
import { maxRssBytes, runDocument } from './run-document'
import { shellWord } from './shell-word'
import { summary } from './summary'
import { terminalText } from './terminal-text'
import { bytesText, count, counted } from './units'

/** The real files that the demo moves: this repository's own dependencies, wherever the current directory is. */
const FILES = fileURLToPath(new URL('../node_modules', import.meta.url))

const KEPT = '.drayage-demo'

/** Worker threads, whatever the machine has: the demo's memory shall not depend on it. */
const WORKERS = 2

const REQUEST: MigrationRequest = {
  source: { bucket: 'drayage-demo-source', endpoint: 'embedded' },
  destination: { bucket: 'drayage-demo-destination', endpoint: 'embedded' },
  limits: { largeObjectBytes: 32 * 1024 * 1024 },
}

export interface DemoCommand {
  /** keep the data */
  keep: boolean
  json: boolean
  /** state folder, which is then kept; undefined: a temporary one of which the report stays, or `.drayage-demo` with `keep` */
  state: string | undefined
}

/** `drayage demo`: a real run between two buckets of the embedded server. Returns the exit code. */
export const demo = ({ keep, json, state }: DemoCommand): Promise<number> =>
  reporting(json, async (print, signal) => {
    const kept = state ?? (keep ? KEPT : undefined)
    const folder = kept ?? (await mkdtemp(join(tmpdir(), 'drayage-demo-')))
    let reported = false
    const say = (line: string) => void (json || process.stderr.write(`${line}\n`))
    try {
      return await withRuntime(
        folder,
        async (runtime) => {
          const source = await runtime.bucket(REQUEST.source.bucket)
          await (await runtime.bucket(REQUEST.destination.bucket)).close()
          say(`Filling the source bucket with this repository's own node_modules, awkward keys and a large object …`)
          const filled = await fillSource(source, FILES, signal).finally(() => source.close())
          say(filledLine(filled))
          const request = join(runtime.home.directory, 'request.json')
          await writeFile(request, `${JSON.stringify(REQUEST, null, 2)}\n`)

          const screen = json ? silent : display(process.stderr)
          const prepared = prepare(REQUEST, { name: undefined, dryRun: false })
          let tried: Promise<Observation[]> = Promise.resolve([])
          const observe = (event: RunEvent): void => {
            screen.observe(event)
            if (event.kind === 'state' && event.name === 'CopyObjects') tried = runtime.tryActiveKeys(prepared.migration)
          }
          const ended = await runtime.run(prepared, { observe, signal }).finally(screen.close)
          const working = await tried
          const refused = await runtime.tryEndedKeys(ended.migration)
          const document = {
            ...runDocument(ended, maxRssBytes()),
            filled,
            working,
            refused,
            kept: kept === undefined ? null : runtime.home.directory,
          }
          print(document, [
            ...summary(document, document.kept ?? undefined),
            ...triedLines('The keys of this run, tried while it was copying', working),
            ...triedLines('The same keys, tried after its end', refused),
            ...keptLines(document.kept, request),
          ])
          reported = true
          return exitCode(document.status, signal)
        },
        { workers: WORKERS },
      )
    } finally {
      if (kept === undefined) await rm(reported ? join(folder, 's3') : folder, { recursive: true, force: true })
    }
  })

const filledLine = ({ objects, bytes, written }: Filled): string =>
  `${counted(objects, 'object')}, ${bytesText(bytes)}${written === objects ? '' : `, ${count(objects - written)} of them from before`}`

const triedLines = (title: string, tried: readonly Observation[]): string[] => [
  '',
  title,
  ...tried.map(({ name, call, answer, closed }) => terminalText(`  ${closed ? 'refused' : 'works  '} ${name}: ${call} answered ${answer}`)),
]

const keptLines = (folder: string | null, request: string): string[] =>
  folder === null
    ? ['', 'The report stays; the buckets are gone with the demo. drayage demo --keep keeps them to look at.']
    : [
        '',
        'Kept. The same request again copies nothing:',
        `  npx drayage run ${shellWord(request)} --state ${shellWord(folder)}`,
        'What is there:',
        `  ls ${shellWord(folder)} ${shellWord(join(folder, 'reports'))}`,
      ]

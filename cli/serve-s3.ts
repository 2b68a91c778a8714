import { resolve } from 'node:path'
import { EXIT } from './exit-codes'
import { makeFolder } from './local/make-folder'
import { DirectoryUnusable, startEmbeddedS3, type EmbeddedS3 } from './local/s3-server/index'
import { terminalText } from './terminal-text'

export interface ServeS3Command {
  /** holds the server's data; created if it is missing */
  directory: string
  /** 0: a free one */
  port: number
  /** created at the start where they are missing */
  buckets: readonly string[]
  json: boolean
}

/** What the operator asked for cannot be had: one line that names the argument and what to do. */
class Refused extends Error {
  override readonly name = 'Refused'
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * `drayage serve-s3`: the embedded S3 server by itself, on 127.0.0.1, until Ctrl-C or SIGTERM. Returns the exit code: 0 once it
 * was asked to end and has ended, as servers do, and 2 when it could not start as asked.
 */
export const serveS3 = async ({ directory, port, buckets, json }: ServeS3Command): Promise<number> => {
  // Heard from the beginning, so that a signal during the start ends it cleanly too.
  const asked = askedToEnd()
  try {
    const server = await open(directory, port)
    try {
      for (const bucket of buckets) await create(server, bucket)
      process.stdout.write(`${(json ? [jsonLine(server)] : howToUse(resolve(directory), server)).join('\n')}\n`)
      await asked
    } finally {
      await server.close()
    }
    return EXIT.verified
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    if (json) process.stdout.write(`${JSON.stringify({ error: { name: error.name, problems: [error.message] } })}\n`)
    else process.stderr.write(`${terminalText(error.message)}\n`)
    return EXIT.badInput
  }
}

/** Resolves at the first signal; a second one ends the process the system's way. */
const askedToEnd = (): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      for (const name of SIGNALS) process.off(name, end)
      resolve()
    }
    for (const name of SIGNALS) process.on(name, end)
  })

const open = async (name: string, port: number): Promise<EmbeddedS3> => {
  if (name === '') throw new Refused('DIR: is empty; name a directory')
  const directory = resolve(name)
  try {
    makeFolder(directory, 0o777)
  } catch (error) {
    throw new Refused(
      `DIR: The S3 server cannot keep its data in ${directory}: ${(error as Error).message}. Name a directory that it may write to.`,
      {
        cause: error,
      },
    )
  }
  try {
    return await startEmbeddedS3({ directory, port })
  } catch (error) {
    if (error instanceof DirectoryUnusable) throw new Refused(`DIR: ${error.message}`, { cause: error })
    const { syscall, code } = error as NodeJS.ErrnoException
    if (syscall !== 'listen') throw error
    const why = code === 'EADDRINUSE' ? 'another program has it' : `the system refuses it: ${code}`
    throw new Refused(`--port: ${port} cannot be used on 127.0.0.1 (${why}); name another, or leave --port out for a free one`, {
      cause: error,
    })
  }
}

const create = async (server: EmbeddedS3, bucket: string): Promise<void> => {
  try {
    await server.createBucket(bucket)
  } catch (error) {
    throw new Refused(`--bucket: ${bucket} cannot be created (${(error as Error).message}); 3 to 63 small letters, digits or hyphens`, {
      cause: error,
    })
  }
}

const jsonLine = ({ endpoint, root: { accessKeyId, secretAccessKey } }: EmbeddedS3): string =>
  JSON.stringify({ endpoint, accessKeyId, secretAccessKey })

const howToUse = (directory: string, { endpoint, root }: EmbeddedS3): string[] => [
  `S3 at ${endpoint}, for this machine only, with its data in ${terminalText(directory)}`,
  '',
  `  export AWS_ACCESS_KEY_ID=${root.accessKeyId}`,
  `  export AWS_SECRET_ACCESS_KEY=${root.secretAccessKey}`,
  '  export AWS_DEFAULT_REGION=us-east-1',
  `  aws --endpoint-url ${endpoint} s3 mb s3://a-bucket`,
  `  aws --endpoint-url ${endpoint} s3 ls`,
  '',
  'This key may do everything. It is new at each start, stands nowhere else, and ends with the server. Ctrl-C ends the server.',
]

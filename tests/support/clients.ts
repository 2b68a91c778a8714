import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import type { IssuedKey } from '../../cli/local/s3-server/index'

const run = promisify(execFile)
const MAX_BYTES = 64 * 1024 * 1024

/** A bucket of a server, as a client of somebody else's reaches it. */
export interface Side {
  endpoint: string
  key: IssuedKey
  bucket: string
}

/** Why a client cannot run here; undefined: it can. */
const absent = (command: string, argument: string): string | undefined =>
  spawnSync(command, [argument], { stdio: 'ignore' }).status === 0 ? undefined : `${command} is not on this machine`

/** A suite that runs the AWS CLI and rclone; where one is absent it is skipped under a name that says so, after a line that says why. */
export const describeWithClients = (name: string, suite: () => void): void => {
  const reason = absent('aws', '--version') ?? absent('rclone', 'version')
  if (reason === undefined) return void describe(name, suite)
  process.stderr.write(`skipped: ${name}: ${reason}\n`)
  describe.skip(`${name} (skipped: ${reason})`, suite)
}

/** A call of `aws s3api` on the side's bucket. It prints nothing where it has nothing to say. */
export const s3api = async <T>({ endpoint, key, bucket }: Side, call: string, ...args: string[]): Promise<Partial<T>> => {
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_PAGER: '',
  }
  const words = ['s3api', call, `--bucket=${bucket}`, ...args, '--endpoint-url', endpoint, '--output', 'json']
  const { stdout } = await run('aws', words, { env, maxBuffer: MAX_BYTES })
  return JSON.parse(stdout || '{}') as Partial<T>
}

/** rclone with the remotes `a` and `b`. Returns its exit code and what it said. */
export const rclone = async (sides: { a: Side; b: Side }, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
  const remotes = Object.entries(sides).flatMap(([name, { endpoint, key }]) => {
    const set = (option: string, value: string) => [`RCLONE_CONFIG_${name.toUpperCase()}_${option}`, value]
    return [
      set('TYPE', 's3'),
      set('PROVIDER', 'Other'),
      set('ENDPOINT', endpoint),
      set('ACCESS_KEY_ID', key.accessKeyId),
      set('SECRET_ACCESS_KEY', key.secretAccessKey),
    ]
  })
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', RCLONE_CONFIG: '/dev/null', ...(Object.fromEntries(remotes) as object) }
  return run('rclone', args, { env, maxBuffer: MAX_BYTES }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code?: number; stdout?: string; stderr?: string; message: string }) => ({
      code: error.code ?? -1,
      stdout: error.stdout ?? '',
      stderr: error.stderr ?? error.message,
    }),
  )
}

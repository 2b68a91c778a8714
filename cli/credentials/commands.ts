import type { Command } from 'commander'
import { PROVIDER_NAMES } from '../../layers/core/domain/providers'
import type { PutCommand } from './put'

const STAGE = ['--stage <name>', 'the deployed stage', 'dev'] as const
const REGION = ['--region <name>', "the stage's region (default: AWS_REGION, or the profile's)"] as const
const JSON_OPTION = ['--json', 'print nothing on standard output but one JSON document'] as const

const PUT_HELP = `
The keys come from standard input: JSON {"accessKeyId": …, "secretAccessKey": …, "sessionToken": …}, or each on a line of its own. At
a terminal they are asked for and not shown. They are never arguments and never in the environment, where other programs can see them.

  drayage credentials put acme --endpoint https://s3.example.com --source-bucket theirs --destination-bucket ours < keys.json
  drayage credentials put acme --role-arn arn:aws:iam::123456789012:role/drayage-source --source-bucket theirs --destination-bucket ours`

type Flags = Omit<PutCommand, 'name' | 'replace' | 'dryRun' | 'json'> & Partial<Pick<PutCommand, 'replace' | 'dryRun' | 'json'>>

/** `drayage credentials …`. Each verb is loaded when it is used. */
export const credentialsCommands = (drayage: Command, done: (code: number) => void): void => {
  const credentials = drayage
    .command('credentials')
    .description("the sources' credentials of a deployed stage; AWS_PROFILE chooses your own")

  credentials
    .command('put')
    .description('stores the credential of a source, for one migration and a time')
    .argument('<name>', 'its name in requests: 1 to 64 letters, digits, hyphens or underscores')
    .option('--endpoint <url>', "the source's S3 endpoint, https (default: Amazon S3 of --source-region)")
    .option('--source-bucket <name>', 'the bucket it may be used to read')
    .option('--source-prefix <prefix>', 'only keys that begin so (default: all)')
    .option('--source-region <name>', "the source's region (default: us-east-1)")
    .option('--destination-bucket <name>', 'the only bucket that its objects may be written to')
    .option('--destination-prefix <prefix>', 'only below this prefix (default: anywhere in the bucket)')
    .option('--expires <when>', 'days, or a time as in 2026-12-31T12:00:00Z; at most 30 days ahead (default: 7)')
    .option('--ca <file>', "PEM of the source's private certificate authority")
    .option('--role-arn <arn>', 'Amazon S3 by a role of the source account, in place of keys')
    .option('--revoke-user <name>', 'the IAM user that owns the key, for credentials.revokeAtSource; needs --revoke-role')
    .option('--revoke-role <arn>', "the role that may end that user's keys")
    .option('--provider <name>', `the store's kind: ${PROVIDER_NAMES.join(', ')}`)
    .option('--replace', 'delete the credential of this name first, if there is one')
    .option('--no-check', 'do not try the keys at the source')
    .option('--dry-run', 'check everything, show what would be written, and write nothing')
    .option(...STAGE)
    .option(...REGION)
    .option(...JSON_OPTION)
    .addHelpText('after', PUT_HELP)
    // An option that does not exist may have a key for its value.
    .configureOutput({ outputError: (text, write) => write(text.replace(/(--[\w-]+)=[^'\n]*/g, '$1=…')) })
    .action(async (name: string, { replace = false, dryRun = false, json = false, ...flags }: Flags) => {
      const { putCommand } = await import('./put')
      done(await putCommand({ ...flags, name, replace, dryRun, json }))
    })

  credentials
    .command('list')
    .description('names them, with what they are for, expiry, age and fingerprint; reads none')
    .option(...STAGE)
    .option(...REGION)
    .option(...JSON_OPTION)
    .action(async ({ stage, region, json = false }: { stage: string; region?: string; json?: boolean }) => {
      const { listCommand } = await import('./list')
      done(await listCommand({ stage, region, json }))
    })

  credentials
    .command('show')
    .description('says everything of one but what is secret')
    .argument('<name>', 'its name in requests')
    .option(...STAGE)
    .option(...REGION)
    .option(...JSON_OPTION)
    .action(async (name: string, { stage, region, json = false }: { stage: string; region?: string; json?: boolean }) => {
      const { showCommand } = await import('./show')
      done(await showCommand({ name, stage, region, json }))
    })

  credentials
    .command('delete')
    .description('deletes one for good, proves that it is gone, and says what is left to do at the source')
    .argument('<name>', 'its name in requests')
    .option('--yes', 'do not ask')
    .option(...STAGE)
    .option(...REGION)
    .option(...JSON_OPTION)
    .action(
      async (
        name: string,
        { stage, region, yes = false, json = false }: { stage: string; region?: string; yes?: boolean; json?: boolean },
      ) => {
        const { deleteCommand } = await import('./delete')
        done(await deleteCommand({ name, stage, region, yes, json }))
      },
    )
}

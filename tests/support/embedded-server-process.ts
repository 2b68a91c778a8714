import { Database } from '../../cli/local/s3-server/database'
import { startEmbeddedS3 } from '../../cli/local/s3-server/index'

/**
 * A server in a process of its own, to be killed: prints one line of JSON when it serves. With `too-early` it answers what it
 * has not written, as no server may: the control of the tests that kill it.
 */
const main = async (directory: string, fault: string | undefined): Promise<void> => {
  const { endpoint, root, createBucket } = await startEmbeddedS3({ directory })
  await createBucket('crash-bucket')
  await createBucket('crash-versions')
  if (fault === 'too-early') Database.prototype.write = () => Promise.resolve()
  console.log(JSON.stringify({ endpoint, root }))
}

void main(process.argv[2] ?? '', process.argv[3])

import { startEmbeddedS3 } from '../../cli/local/s3-server/index'

/** A server in a process of its own, to be killed: prints one line of JSON when it serves. */
const main = async (directory: string): Promise<void> => {
  const { endpoint, root, createBucket } = await startEmbeddedS3({ directory })
  await createBucket('crash-bucket')
  console.log(JSON.stringify({ endpoint, root }))
}

void main(process.argv[2] ?? '')

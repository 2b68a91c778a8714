// The permissions boundary's only S3 resources: the deploy parameter allowedDestinations.

// S3 bucket names have at least three characters, so that this one can never be made, by anybody.
const NOWHERE = '--'

// Amazon S3 user guide, "General purpose bucket naming rules".
const BUCKET = /^[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]$/

/**
 * The bucket names in a comma-separated list of names or bucket ARNs; none: a name that no bucket can have, so that nothing is
 * allowed. Throws on a wildcard, an ARN of objects, or anything else that is not one bucket.
 */
export const destinationsFrom = (list) => {
  const entries = list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  const buckets = entries.map((entry) => entry.replace(/^arn:aws(-cn|-us-gov)?:s3:::/, ''))
  const wrong = entries.filter((_, index) => !BUCKET.test(buckets[index]))
  if (wrong.length > 0) {
    throw new Error(
      `allowedDestinations: ${wrong.map((entry) => `"${entry}"`).join(', ')} is not a bucket name or bucket ARN. Name whole buckets, without wildcards.`,
    )
  }
  return buckets.length === 0 ? [NOWHERE] : buckets
}

const resourcesOf = async (resolveVariable, ending) =>
  destinationsFrom(await resolveVariable('param:allowedDestinations')).map((bucket) => ({
    'Fn::Sub': `arn:\${AWS::Partition}:s3:::${bucket}${ending}`,
  }))

/** `${file(scripts/destinations.js):buckets}` of serverless/closing.yml. */
export const buckets = ({ resolveVariable }) => resourcesOf(resolveVariable, '')

/** `${file(scripts/destinations.js):objects}` of serverless/closing.yml. */
export const objects = ({ resolveVariable }) => resourcesOf(resolveVariable, '/*')

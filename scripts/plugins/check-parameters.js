import { destinationsFrom, listFrom, rolesFrom } from '../parameters.js'

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/
const ADDRESS = /^[^\s@,]+@[^\s@,]+\.[^\s@,]+$/

/** The sentence with which a parser refuses, as a list; [] if it does not. */
const refusalOf = (parse) => {
  try {
    parse()
    return []
  } catch (error) {
    return [error.message]
  }
}

const quoted = (entries) => entries.map((entry) => `"${entry}"`).join(', ')

const destinationProblems = (allowedDestinations, deploying) => {
  const refused = refusalOf(() => destinationsFrom(allowedDestinations))
  if (refused.length > 0 || !deploying || destinationsFrom(allowedDestinations).buckets.length > 0) return refused
  return [
    `allowedDestinations ${allowedDestinations.trim() === '' ? 'is not given' : 'names no bucket'}: no run could write anywhere. Name the buckets: --param="allowedDestinations=my-bucket,my-other-bucket".`,
  ]
}

// All three or none: the functions need subnets, and without the route tables S3 would be reached through the internet.
const vpcProblems = ({ vpcId, vpcSubnetIds, vpcRouteTableIds }) => {
  if ([vpcId, vpcSubnetIds, vpcRouteTableIds].every((given) => given === '')) return []
  const patterns = [
    ['vpcId', vpcId === '' ? [] : [vpcId], /^vpc-[0-9a-f]{8,17}$/, 'vpc-0123456789abcdef0'],
    ['vpcSubnetIds', listFrom(vpcSubnetIds), /^subnet-[0-9a-f]{8,17}$/, 'subnet-0123456789abcdef0,subnet-0123456789abcdef1'],
    ['vpcRouteTableIds', listFrom(vpcRouteTableIds), /^rtb-[0-9a-f]{8,17}$/, 'rtb-0123456789abcdef0'],
  ]
  return patterns.flatMap(([name, ids, pattern, example]) => {
    const wrong = ids.filter((id) => !pattern.test(id))
    if (ids.length === 0) return [`${name} is not given: VPC mode needs vpcId, vpcSubnetIds and vpcRouteTableIds together.`]
    return wrong.length === 0 ? [] : [`${name}: ${quoted(wrong)} is not an id as in --param="${name}=${example}".`]
  })
}

/** What is wrong with the parameters of a stage, as sentences that say what to do. A deploy needs more than a package. */
export const problemsOf = (parameters, deploying) => {
  const { stage, allowedDestinations, allowedRegions, sourceRoles, revocationRoles, reservedConcurrency } = parameters
  const { deleteMarkers, alarmEmail, auditTrail, logKeys, scheduleExpression, scheduleInput } = parameters
  const problems = []
  // The stage is in IAM paths and in role names, which have at most 64 characters: drayage-<stage>-complete-upload.
  if (!/^[a-z0-9-]{1,20}$/.test(stage)) problems.push(`--stage "${stage}": use at most 20 of a-z, 0-9 and -.`)
  problems.push(...destinationProblems(allowedDestinations, deploying))
  const notRegions = listFrom(allowedRegions).filter((region) => !REGION.test(region))
  if (notRegions.length > 0)
    problems.push(`allowedRegions: ${quoted(notRegions)} is not a Region. Name Regions: --param="allowedRegions=eu-central-1,eu-west-1".`)
  problems.push(...refusalOf(() => rolesFrom('sourceRoles', sourceRoles)))
  problems.push(...refusalOf(() => rolesFrom('revocationRoles', revocationRoles)))
  if (deleteMarkers !== '' && String(deleteMarkers) !== 'true')
    problems.push(`deleteMarkers "${deleteMarkers}": write deleteMarkers=true, or leave it out.`)
  if (reservedConcurrency !== '' && !/^[1-9]\d{0,4}$/.test(reservedConcurrency))
    problems.push(`reservedConcurrency "${reservedConcurrency}": give a whole number from 1 to 99999, or leave it out to reserve nothing.`)
  if (alarmEmail !== '' && !ADDRESS.test(alarmEmail)) problems.push(`alarmEmail "${alarmEmail}": give one e-mail address, or leave it out.`)
  if (auditTrail !== '' && String(auditTrail) !== 'true')
    problems.push(`auditTrail "${auditTrail}": write auditTrail=true, or leave it out.`)
  problems.push(...vpcProblems(parameters))
  if (logKeys !== 'full' && logKeys !== 'hash') problems.push(`logKeys "${logKeys}": write full or hash.`)
  if (scheduleExpression !== '' && !isRequest(scheduleInput)) {
    problems.push(
      'scheduleExpression needs the request it starts: --param=\'scheduleInput={"source":…,"destination":…}\', JSON on one line.',
    )
  }
  return problems
}

const isRequest = (text) => {
  try {
    return Object.keys(JSON.parse(text)).length > 0
  } catch {
    return false
  }
}

/** Refuses a stage with parameters that cannot work, before anything is built. */
export default class CheckParameters {
  constructor(serverless) {
    this.hooks = {
      initialize: () => {
        const [command] = serverless.processedInput.commands
        if (command !== 'package' && command !== 'deploy') return
        const problems = problemsOf(serverless.service.custom.parameters, command === 'deploy')
        if (problems.length > 0) throw new serverless.classes.Error(problems.join('\n'))
      },
    }
  }
}

/** What is wrong with the parameters of a stage, as sentences that say what to do. A deploy needs more than a package. */
export const problemsOf = ({ stage, allowedDestinations, scheduleExpression, scheduleInput }, deploying) => {
  const problems = []
  // The stage is in IAM paths and in role names, which have at most 64 characters: drayage-<stage>-complete-upload.
  if (!/^[a-z0-9-]{1,20}$/.test(stage)) problems.push(`--stage "${stage}": use at most 20 of a-z, 0-9 and -.`)
  if (deploying && allowedDestinations.trim() === '') {
    problems.push(
      'allowedDestinations is not given: no run could write anywhere. Name the buckets: --param="allowedDestinations=my-bucket,my-other-bucket".',
    )
  }
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

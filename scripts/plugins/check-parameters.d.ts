export interface Parameters {
  stage: string
  allowedDestinations: string
  scheduleExpression: string
  scheduleInput: string
}
export function problemsOf(parameters: Parameters, deploying: boolean): string[]

export interface Parameters {
  stage: string
  allowedDestinations: string
  allowedRegions: string
  sourceRoles: string
  revocationRoles: string
  deleteMarkers: string
  reservedConcurrency: string
  alarmEmail: string
  auditTrail: string
  vpcId: string
  vpcSubnetIds: string
  vpcRouteTableIds: string
  logKeys: string
  scheduleExpression: string
  scheduleInput: string
}
export function problemsOf(parameters: Parameters, deploying: boolean): string[]

import { packaged, type Packaged } from '../../package/packaged'

/** Account of the stack, and a second one that owns a destination or a source. Both are made up. */
export const ACCOUNT = '123456789012'
export const PARTNER = '210987654321'
export const REGION = 'eu-central-1'
export const PARTNER_KEY = `arn:aws:kms:${REGION}:${PARTNER}:key/1234abcd-12ab-34cd-56ef-1234567890ab`
export const SOURCE_ROLE = 'arn:aws:iam::333333333333:role/drayage-source'
export const REVOCATION_ROLE = 'arn:aws:iam::333333333333:role/drayage-revocation'

/** Every deploy parameter but those of the VPC, the audit trail and delete markers. */
const FULL = [
  `allowedDestinations=acme-archive,arn:aws:s3:::acme-partner,${PARTNER},${PARTNER_KEY}`,
  `allowedRegions=${REGION},eu-west-1`,
  `sourceRoles=${SOURCE_ROLE}`,
  `revocationRoles=${REVOCATION_ROLE}`,
  'reservedConcurrency=20',
  'alarmEmail=operator@example.com',
  'logKeys=hash',
  'scheduleExpression=rate(1 day)',
  'scheduleInput={"source":{"bucket":"a"}}',
]

export const NETWORK = {
  vpc: 'vpc-0123456789abcdef0',
  subnets: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
  routeTable: 'rtb-0123456789abcdef0',
}

const VPC = [
  'deleteMarkers=true',
  'auditTrail=true',
  `vpcId=${NETWORK.vpc}`,
  `vpcSubnetIds=${NETWORK.subnets.join(',')}`,
  `vpcRouteTableIds=${NETWORK.routeTable}`,
]

/** The ways to deploy that the gates look at: what one of them alone holds is not looked at in the others. */
export const VARIANTS = { plain: [], full: FULL, vpc: [...FULL, ...VPC] } as const

export type VariantName = keyof typeof VARIANTS
export type Variants = Record<VariantName, Packaged>

/** Packages every variant, two at a time: each takes a core. */
export const packageVariants = async (): Promise<Variants> => {
  const names = Object.keys(VARIANTS) as VariantName[]
  const made: Partial<Variants> = {}
  const take = async (): Promise<void> => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) made[name] = await packaged(...VARIANTS[name])
  }
  await Promise.all([take(), take()])
  return made as Variants
}

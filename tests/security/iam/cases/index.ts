import type { VariantName } from '../../template/variants'
import type { Case } from '../simulate'
import { CREDENTIALS } from './credentials'
import { NOBODY } from './nobody'
import { CERTIFICATES, IN_A_VPC, PEOPLE, SERVICES } from './services'
import { STATE_BUCKET } from './state-bucket'
import { TEMPORARY_ROLES, WITH_DELETE_MARKERS, WITHOUT_DESTINATIONS } from './temporary-roles'

/** The table, by the variant of the template in which a case is put. */
export const CASES: Partial<Record<VariantName, Case[]>> = {
  plain: WITHOUT_DESTINATIONS,
  full: [...NOBODY, ...STATE_BUCKET, ...CREDENTIALS, ...TEMPORARY_ROLES, ...SERVICES, ...CERTIFICATES, ...PEOPLE],
  vpc: [...IN_A_VPC, ...WITH_DELETE_MARKERS],
}

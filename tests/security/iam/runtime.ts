import { parseRequest } from '@drayage/core'
import { roleArn } from '../../../layers/core/access/names'
import { awsAccessFromEnvironment, contextOf } from '../../../layers/core/access/options'
import { roleAsked } from '../../../layers/core/access/role-asked'
import { secretPolicy } from '../../../layers/core/access/secret-policy'
import { suspendPolicy } from '../../../layers/core/access/suspend-policy'
import { ACCOUNT, PARTNER_KEY, REGION, REVOCATION_ROLE, SOURCE_ROLE } from '../template/variants'
import { SECRET } from './cases/case'
import { NOW } from './times'
import type { Actor, Document } from './world'

/** The run of which the cases tell. */
export const RUN = 'run-1'
export const DESTINATION = 'arn:aws:s3:::acme-archive'
export const PREFIX = 'from-acme/'

/** Frozen by the code that does it on AWS, at NOW: a day of access. As if the stage let it put delete markers: if it does not, others must refuse. */
const migrationOf = (carry: object) =>
  parseRequest(
    {
      source: { bucket: 'acme', credential: 'acme' },
      destination: { bucket: 'acme-archive', prefix: PREFIX, region: REGION, account: ACCOUNT, kmsKey: PARTNER_KEY },
      carry,
      access: { hours: 24 },
    },
    {
      runtime: 'aws',
      runId: RUN,
      executionId: `arn:aws:states:${REGION}:${ACCOUNT}:execution:drayage-dev-migrate:${RUN}`,
      now: new Date(NOW),
      stage: { account: ACCOUNT, allowedRegions: [], deleteMarkers: true },
    },
  )
const MIGRATION = migrationOf({})
const CARRYING_ALL = migrationOf({ tags: true, retention: true, versions: 'all' })

const PLACE = { partition: 'aws', account: ACCOUNT, stage: 'dev' }
export const WRITE_ROLE = roleArn(PLACE, RUN, 'write')
export const VERIFY_ROLE = roleArn(PLACE, RUN, 'verify')

const EVERYTHING: Document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

/** A policy as it goes over the wire. */
const document = (policy: object): Document => JSON.parse(JSON.stringify(policy)) as Document

const allow = (Action: string | string[], more: object = {}): Document => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action, ...more }],
})
const withExternalId = { Condition: { StringEquals: { 'sts:ExternalId': 'x' } } }

export interface Runtime {
  actors: Record<string, Actor>
  resourcePolicies: Record<string, Document>
}

/**
 * The roles of a run and the secret of its source, as the functions' own code makes them from the environment that the template gives
 * OpenAccess; and what the owners of other accounts would write, for the whole of this one. `boundaries`: managed policies by ARN.
 */
export const runtimeOf = (environment: Record<string, string>, boundaries: Record<string, Document>): Runtime => {
  const context = contextOf(awsAccessFromEnvironment({ ...environment, AWS_REGION: REGION }))
  const [write, verify] = [roleAsked(context, MIGRATION, 'write'), roleAsked(context, MIGRATION, 'verify')]
  const rightsToAll = (use: 'write' | 'verify'): Document => document(roleAsked(context, CARRYING_ALL, use).permissions)
  const boundaryOf = (arn: string | undefined): Document => {
    const boundary = boundaries[arn ?? '']
    if (boundary === undefined) throw new Error(`OpenAccess gives a role the boundary ${arn}, which the template does not make`)
    return boundary
  }
  const boundary = boundaryOf(write.input.PermissionsBoundary)
  const ofVerify = boundaryOf(verify.input.PermissionsBoundary)
  const rights = document(write.permissions)
  const suspended = document(suspendPolicy())
  return {
    actors: {
      runWrite: { arn: WRITE_ROLE, identity: [rights], boundary },
      runWriteSuspended: { arn: WRITE_ROLE, identity: [rights, suspended], boundary },
      runVerify: { arn: VERIFY_ROLE, identity: [document(verify.permissions)], boundary: ofVerify },
      // A run that carries tags, retention and all versions.
      allWrite: { arn: WRITE_ROLE, identity: [rightsToAll('write')], boundary },
      allWriteSuspended: { arn: WRITE_ROLE, identity: [rightsToAll('write'), suspended], boundary },
      allVerify: { arn: VERIFY_ROLE, identity: [rightsToAll('verify')], boundary: ofVerify },
      allVerifySuspended: { arn: VERIFY_ROLE, identity: [rightsToAll('verify'), suspended], boundary: ofVerify },
      // Whatever a run's role were given: what the boundary alone leaves of it, for the one use and the other, and for neither.
      boundaryAlone: { arn: WRITE_ROLE, identity: [EVERYTHING], boundary },
      boundaryOfVerify: { arn: VERIFY_ROLE, identity: [EVERYTHING], boundary: ofVerify },
      boundaryOfNeither: { arn: `${WRITE_ROLE}-careless`, identity: [EVERYTHING], boundary },
    },
    resourcePolicies: {
      [WRITE_ROLE]: document(write.trust),
      [VERIFY_ROLE]: document(verify.trust),
      [SECRET]: document(secretPolicy(PLACE, new Date(MIGRATION.access.expiresAt))),
      [SOURCE_ROLE]: allow('sts:AssumeRole', withExternalId),
      [REVOCATION_ROLE]: allow('sts:AssumeRole', withExternalId),
      'arn:aws:iam::333333333333:role/another': allow('sts:AssumeRole', withExternalId),
      // An owner who lets this account do all: what is refused all the same, the run's own roles and their boundary refuse.
      [DESTINATION]: allow('s3:*', { Resource: [DESTINATION, `${DESTINATION}/*`] }),
      [PARTNER_KEY]: allow(['kms:GenerateDataKey', 'kms:Decrypt'], { Resource: '*' }),
    },
  }
}

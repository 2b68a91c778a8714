import { ACCOUNT, REGION } from '../../template/variants'
import type { Case } from '../simulate'

type Where = Record<string, string>

export const STATE = 'arn:aws:s3:::statebucket'
export const QUEUE = `arn:aws:sqs:${REGION}:${ACCOUNT}:drayage-dev-dead-letters`
export const MACHINE = `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:drayage-dev-migrate`
export const EXECUTION = `arn:aws:states:${REGION}:${ACCOUNT}:execution:drayage-dev-migrate:run-1`
export const SECRET = `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:drayage/dev/acme-AbCdEf`
export const BOUNDARY = `arn:aws:iam::${ACCOUNT}:policy/drayage-dev-boundary`
export const DEAD_MAN_ROLE = `arn:aws:iam::${ACCOUNT}:role/drayage-dev-dead-man`
export const SCHEDULE = `arn:aws:scheduler:${REGION}:${ACCOUNT}:schedule/drayage-dev/drayage-0123456789abcdef0123`
export const lambda = (name: string): string => `arn:aws:lambda:${REGION}:${ACCOUNT}:function:drayage-dev-${name}`
export const key = (id: string): string => `arn:aws:kms:${REGION}:${ACCOUNT}:key/${id}`

/** How a service uses a key for whoever calls it: its name, and what it encrypts. */
const via = (service: string, context: string, arn: string): Where => ({
  'kms:ViaService': `${service}.${REGION}.amazonaws.com`,
  [`kms:EncryptionContext:${context}`]: arn,
})
export const viaS3 = via('s3', 'aws:s3:arn', STATE)
export const viaAnotherBucket = via('s3', 'aws:s3:arn', 'arn:aws:s3:::payroll')
export const viaSecrets = via('secretsmanager', 'SecretARN', SECRET)
export const viaAnotherSecret = via('secretsmanager', 'SecretARN', SECRET.replace('drayage/dev/', 'payroll/'))
export const viaQueue = via('sqs', 'aws:sqs:arn', QUEUE)
export const viaStates = via('states', 'aws:states:stateMachineArn', MACHINE)

export const may = (who: string, action: string, on: string, where: Where = {}, why = ''): Case => ({
  ...{ who, may: true, action, on, where, why },
  owner: ownerOf(on),
})

export const mayNot = (who: string, action: string, on: string, where: Where = {}, why = ''): Case => ({
  ...may(who, action, on, where, why),
  may: false,
})

/** Says whose a bucket is: its ARN does not. */
export const ownedBy = (owner: string, asked: Case): Case => ({ ...asked, owner })

const ownerOf = (arn: string): string => arn.split(':')[4] || ACCOUNT

/** One case for each of several. */
export const each = <Item>(items: readonly Item[], make: (item: Item) => Case | Case[]): Case[] => items.flatMap(make)

/** They touch the source. */
export const TOUCHING = ['preflight', 'listSource', 'restoreArchived', 'copyBatch', 'beginUpload', 'copyPartGroup', 'verifyBatch']
/** They read the source’s credential: validateRequest only its bounds. */
export const READERS = ['validateRequest', ...TOUCHING]
export const FUNCTIONS = [...READERS, ...['openAccess', 'estimate', 'completeUpload', 'reconcile', 'cleanup', 'writeReport', 'sweep']]
export const STACK_ROLES = [...FUNCTIONS, 'machine', 'deadMan', 'recurringRun']
export const RUN_ROLES = ['runWrite', 'runVerify', 'allWrite', 'allVerify']
/** Those of STACK_ROLES that are not in `names`. */
export const allBut = (...names: string[]): string[] => STACK_ROLES.filter((name) => !names.includes(name))

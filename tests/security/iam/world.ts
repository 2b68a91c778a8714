import { resourcesOf, type Template } from '../../package/packaged'
import { listOf } from '../../package/statements'
import { physicalArn, resolve, type Resolved } from '../template/resolve'
import { ACCOUNT } from '../template/variants'
import { runtimeOf } from './runtime'

/** A policy document in the form in which IAM takes it. */
export type Document = { Version: string; Statement: unknown[] }

/** Somebody who asks: a role with what is attached to it, a service, or a person. */
export interface Actor {
  arn: string
  identity: Document[]
  boundary?: Document
}

/** Everything that decides a request in one variant of the template. */
export interface World {
  /** by name: the functions (`copyBatch`), the template's other roles (`machine`, `deadMan`), those of a run, people, services */
  actors: Record<string, Actor>
  /** by ARN: bucket, queue, topic, key and secret policies, trust policies, permissions of functions */
  resourcePolicies: Record<string, Document>
}

const statements = (documents: Document[]): Document => ({
  Version: '2012-10-17',
  Statement: documents.flatMap(({ Statement }) => Statement),
})

/** Resource policies of a template, by the ARN they guard. */
const resourcePoliciesOf = (resolved: Resolved): Record<string, Document> => {
  const policies: Record<string, Document> = {}
  const add = (arn: string, document: Document): void => {
    policies[arn] = policies[arn] === undefined ? document : statements([policies[arn], document])
  }
  for (const [id, { Type, Properties }] of Object.entries(resolved)) {
    if (Type === 'AWS::IAM::Role') add(physicalArn(resolved, id), Properties.AssumeRolePolicyDocument)
    if (Type === 'AWS::KMS::Key') add(physicalArn(resolved, id), Properties.KeyPolicy)
    if (Type === 'AWS::S3::BucketPolicy') add(`arn:aws:s3:::${Properties.Bucket}`, Properties.PolicyDocument)
    if (Type === 'AWS::SNS::TopicPolicy') for (const topic of Properties.Topics) add(topic, Properties.PolicyDocument)
    if (Type === 'AWS::SQS::QueuePolicy') {
      for (const url of Properties.Queues as string[]) {
        const queue = Object.keys(resolved).find(
          (id) => resolved[id]!.Type === 'AWS::SQS::Queue' && url.endsWith(`/${queueName(resolved, id)}`),
        )
        add(physicalArn(resolved, queue!), Properties.PolicyDocument)
      }
    }
    if (Type === 'AWS::Lambda::Permission') {
      const name = String(Properties.FunctionName).split(':').at(-1)!
      const target = Object.keys(resolved).find(
        (id) => resolved[id]!.Type === 'AWS::Lambda::Function' && [resolved[id]!.Properties.FunctionName, id].includes(name),
      )
      add(physicalArn(resolved, target!), permissionDocument(Properties))
    }
  }
  return policies
}

const queueName = (resolved: Resolved, id: string): string => physicalArn(resolved, id).split(':').at(-1)!

/** What Lambda makes of a permission (Lambda developer guide, "Viewing resource-based IAM policies"). */
const permissionDocument = ({ Action, Principal, SourceArn, SourceAccount }: any): Document => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: Principal === '*' ? '*' : { Service: Principal },
      Action,
      Resource: '*',
      Condition: {
        ...(SourceArn === undefined ? {} : { ArnLike: { 'aws:SourceArn': SourceArn } }),
        ...(SourceAccount === undefined ? {} : { StringEquals: { 'aws:SourceAccount': SourceAccount } }),
      },
    },
  ],
})

/** `CopyBatchRole` → `copyBatch` */
const actorName = (id: string): string => id[0]!.toLowerCase() + id.slice(1).replace(/Role$/, '')

const EVERYTHING: Document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

/** People and strangers. The administrators are the hard cases: nothing of their own holds them back. */
const OUTSIDERS: Record<string, Actor> = {
  root: { arn: `arn:aws:iam::${ACCOUNT}:root`, identity: [EVERYTHING] },
  administrator: { arn: `arn:aws:iam::${ACCOUNT}:role/Administrator`, identity: [EVERYTHING] },
  otherFunction: { arn: `arn:aws:iam::${ACCOUNT}:role/another-service`, identity: [EVERYTHING] },
  foreignAdministrator: { arn: 'arn:aws:iam::999999999999:role/Administrator', identity: [EVERYTHING] },
  states: { arn: 'states.amazonaws.com', identity: [] },
  scheduler: { arn: 'scheduler.amazonaws.com', identity: [] },
  events: { arn: 'events.amazonaws.com', identity: [] },
  lambda: { arn: 'lambda.amazonaws.com', identity: [] },
  logs: { arn: `logs.eu-central-1.amazonaws.com`, identity: [] },
  cloudwatch: { arn: 'cloudwatch.amazonaws.com', identity: [] },
}

/** The world of a template, with the roles, policies and secrets that a run's real code would make in it. */
export const worldOf = (template: Template): World => {
  const resolved = resolve(template)
  const managed = Object.fromEntries(
    Object.entries(resolved)
      .filter(([, { Type }]) => Type === 'AWS::IAM::ManagedPolicy')
      .map(([id, { Properties }]) => [id, Properties.PolicyDocument as Document]),
  )
  const actors: Record<string, Actor> = { ...OUTSIDERS }
  for (const [id] of resourcesOf(template, 'AWS::IAM::Role')) {
    if (resolved[id] === undefined) continue
    const { Policies, ManagedPolicyArns } = resolved[id].Properties
    const attached = Object.keys(managed).filter((policy) => listOf(ManagedPolicyArns).includes(physicalArn(resolved, policy)))
    const attachedOnes = Object.values(resolved).filter(
      ({ Type, Properties }) => Type === 'AWS::IAM::Policy' && Properties.Roles.includes(resolved[id]!.Properties.RoleName ?? id),
    )
    const identity = [...listOf(Policies), ...attachedOnes.map(({ Properties }) => Properties)].map(
      ({ PolicyDocument }: any) => PolicyDocument as Document,
    )
    actors[actorName(id)] = { arn: physicalArn(resolved, id), identity: [...identity, ...attached.map((policy) => managed[policy]!)] }
  }
  // A policy that the stack makes for people to attach: whoever carries it and nothing else.
  for (const [id, document] of Object.entries(managed)) {
    if (id !== 'Boundary') actors[actorName(id)] = { arn: `arn:aws:iam::${ACCOUNT}:role/person-with-${id}`, identity: [document] }
  }
  const boundaries = Object.fromEntries(Object.entries(managed).map(([id, policy]) => [physicalArn(resolved, id), policy]))
  const environment = resolved.OpenAccessLambdaFunction!.Properties.Environment.Variables as Record<string, string>
  const runtime = runtimeOf(environment, boundaries)
  return {
    actors: { ...actors, ...runtime.actors },
    resourcePolicies: { ...resourcePoliciesOf(resolved), ...runtime.resourcePolicies },
  }
}

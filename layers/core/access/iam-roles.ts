import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  PutRolePolicyCommand,
  paginateListAttachedRolePolicies,
  paginateListRolePolicies,
  type CreateRoleCommandInput,
  type IAMClient,
} from '@aws-sdk/client-iam'
import { ask } from './aws-call'
import type { Policy } from './policy'

const GONE = ['NoSuchEntity']

/** The calls of IAM that a temporary role's life needs. Each answers NoSuchEntity as a refusal and throws on any other, unless it says more. */
export const iamRoles = (client: IAMClient) => ({
  get: (name: string) => ask('iam:GetRole', GONE, async () => (await client.send(new GetRoleCommand({ RoleName: name }))).Role),

  /** EntityAlreadyExists is a refusal too. */
  create: (input: CreateRoleCommandInput) =>
    ask('iam:CreateRole', ['EntityAlreadyExists'], () => client.send(new CreateRoleCommand(input))),

  /** DeleteConflict and ConcurrentModification are refusals too: something of the role is still being deleted. */
  remove: (name: string) =>
    ask('iam:DeleteRole', [...GONE, 'DeleteConflict', 'ConcurrentModification'], () =>
      client.send(new DeleteRoleCommand({ RoleName: name })),
    ),

  putPolicy: (name: string, policyName: string, policy: Policy) =>
    ask('iam:PutRolePolicy', GONE, () =>
      client.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: policyName, PolicyDocument: JSON.stringify(policy) })),
    ),

  /** The document as IAM keeps it, decoded from its RFC 3986 form. */
  policy: (name: string, policyName: string) =>
    ask('iam:GetRolePolicy', GONE, async () => {
      const { PolicyDocument } = await client.send(new GetRolePolicyCommand({ RoleName: name, PolicyName: policyName }))
      return decodeURIComponent(PolicyDocument ?? '')
    }),

  deletePolicy: (name: string, policyName: string) =>
    ask('iam:DeleteRolePolicy', GONE, () => client.send(new DeleteRolePolicyCommand({ RoleName: name, PolicyName: policyName }))),

  detachPolicy: (name: string, arn: string) =>
    ask('iam:DetachRolePolicy', GONE, () => client.send(new DetachRolePolicyCommand({ RoleName: name, PolicyArn: arn }))),

  /** Names of the inline policies. */
  policyNames: (name: string) =>
    ask('iam:ListRolePolicies', GONE, async () => {
      const names: string[] = []
      for await (const page of paginateListRolePolicies({ client }, { RoleName: name })) names.push(...(page.PolicyNames ?? []))
      return names
    }),

  /** ARNs of the managed policies. */
  attachedArns: (name: string) =>
    ask('iam:ListAttachedRolePolicies', GONE, async () => {
      const arns: string[] = []
      for await (const page of paginateListAttachedRolePolicies({ client }, { RoleName: name })) {
        arns.push(...(page.AttachedPolicies ?? []).map(({ PolicyArn }) => PolicyArn ?? ''))
      }
      return arns
    }),
})

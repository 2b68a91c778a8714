import { resourcesOf, type Template } from './packaged'
import { listOf, textOf, type Statement } from './statements'

type KeyStatement = Statement & { Principal: '*' | { AWS?: unknown; Service?: unknown } }

const DATA = /^kms:(Decrypt|Encrypt|ReEncryptFrom|ReEncryptTo|GenerateDataKey|GenerateDataKeyWithoutPlaintext|Sign)$/
const ADMINISTRATION = /^kms:(Describe|Get|Put|List|Enable|Disable|Update|Create|Delete|Tag|Untag|Revoke|Rotate|Schedule|Cancel)\w+$/

/** The condition keys of a statement that only narrow it: operators that refuse where the key is absent. */
const limitsOf = ({ Condition }: Statement): string[] =>
  Object.entries(Condition ?? {}).flatMap(([operator, keys]) => (/^(String|Arn)(Equals|Like)$/.test(operator) ? Object.keys(keys) : []))

/** What a key of this service must never have, as `key: what`. [] for a template that is as it must be. */
export const keyExcessesOf = (template: Template): string[] => {
  const excesses: string[] = []
  for (const [key, { Properties, DeletionPolicy }] of resourcesOf(template, 'AWS::KMS::Key')) {
    const signs = Properties.KeyUsage === 'SIGN_VERIFY'
    if (!signs && Properties.EnableKeyRotation !== true) excesses.push(`${key}: does not rotate`)
    if (Properties.PendingWindowInDays !== 30) excesses.push(`${key}: is gone before 30 days are over`)
    if ((DeletionPolicy === 'Retain') === (key === 'SecretsKey')) excesses.push(`${key}: ${DeletionPolicy} when the stack goes`)
    for (const statement of Properties.KeyPolicy.Statement as KeyStatement[]) {
      const { Sid, Effect, Principal } = statement
      if (Effect !== 'Allow') continue
      if (Principal === '*' || (typeof Principal.AWS === 'string' && Principal.AWS === '*'))
        excesses.push(`${key}: ${Sid} is for everybody`)
      const limits = limitsOf(statement)
      for (const action of listOf(statement.Action)) {
        if (action.includes('*')) excesses.push(`${key}: action ${action}`)
        if (action === 'kms:CreateGrant') excesses.push(`${key}: ${Sid} can give rights away`)
        if (action === 'kms:Sign' && !limits.includes('aws:PrincipalArn')) excesses.push(`${key}: anybody may sign`)
        if (!DATA.test(action) || action === 'kms:Sign') {
          if (!ADMINISTRATION.test(action) && !/^kms:(Sign|Verify)$/.test(action)) excesses.push(`${key}: action ${action}`)
          continue
        }
        const byService = limits.includes('kms:ViaService')
        const byContext = limits.some((limit) => limit.startsWith('kms:EncryptionContext:'))
        const byName = Principal !== '*' && Principal.Service !== undefined ? byContext : byContext && limits.includes('aws:PrincipalArn')
        if (!byService && !byName) excesses.push(`${key}: ${Sid} may ${action} without a service or a resource that it is for`)
      }
    }
  }
  return excesses
}

/** Who may use a key for data, as `Sid: principal, conditions`. */
export const usersOf = (template: Template, key: string): Record<string, unknown> =>
  Object.fromEntries(
    (template.Resources[key]!.Properties.KeyPolicy.Statement as KeyStatement[])
      .filter(({ Action }) => listOf(Action).some((action) => DATA.test(action)))
      .map(({ Sid, Effect, Principal, Condition }) => [
        Sid,
        {
          ...(Effect === 'Deny' && { Effect }),
          who: Principal === '*' ? '*' : (Principal.Service ?? textOf(Principal.AWS)),
          ...Object.fromEntries(
            Object.entries(Condition ?? {}).flatMap(([operator, keys]) =>
              Object.entries(keys).map(([name, value]) => [`${operator} ${name}`, listOf(value).map(textOf)]),
            ),
          ),
        },
      ]),
  )

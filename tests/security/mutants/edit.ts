import type { Resource, Template } from '../../package/packaged'
import { listOf } from '../../package/statements'

/** A mutant that finds nothing to change is no mutant: every helper here throws when what it looks for is not there. */
export const resource = (template: Template, id: string): Resource => {
  const found = template.Resources[id]
  if (found === undefined) throw new Error(`the template has no ${id}`)
  return found
}

export const only = (template: Template, type: string): Resource => {
  const found = Object.values(template.Resources).find(({ Type }) => Type === type)
  if (found === undefined) throw new Error(`the template has no ${type}`)
  return found
}

export const properties = (template: Template, id: string): any => resource(template, id).Properties

/** Statements of a role's own policy, a managed policy, a key's policy or a resource policy. */
export const statements = (template: Template, id: string): any[] => {
  const { Policies, PolicyDocument, KeyPolicy } = properties(template, id)
  return listOf<any>(Policies?.[0]?.PolicyDocument ?? PolicyDocument ?? KeyPolicy)[0].Statement
}

/** The statement that holds an action. */
export const statement = (template: Template, id: string, action: string): any => {
  const found = statements(template, id).find(({ Action }) => listOf(Action).includes(action))
  if (found === undefined) throw new Error(`${id} has no statement about ${action}`)
  return found
}

export const allow = (template: Template, id: string, Action: string | string[], Resource: unknown): void => {
  statements(template, id).push({ Sid: 'Planted', Effect: 'Allow', Action, Resource })
}

/** Takes away one statement by an action of it. */
export const drop = (template: Template, id: string, action: string): void => {
  const list = statements(template, id)
  list.splice(list.indexOf(statement(template, id, action)), 1)
}

/** Takes away the statement that denies an action. */
export const dropDenial = (template: Template, id: string, action: string): void => {
  const list = statements(template, id)
  const found = list.findIndex(({ Effect, Action }) => Effect === 'Deny' && listOf(Action).includes(action))
  if (found < 0) throw new Error(`${id} does not deny ${action}`)
  list.splice(found, 1)
}

/** Takes away one property, which must be there. */
export const without = (holder: any, name: string): void => {
  if (holder?.[name] === undefined) throw new Error(`there is no ${name} to take away`)
  delete holder[name]
}

/** Sets one property, which must have been another. */
export const set = (holder: any, name: string, value: unknown): void => {
  if (JSON.stringify(holder[name]) === JSON.stringify(value)) throw new Error(`${name} is ${JSON.stringify(value)} already`)
  holder[name] = value
}

export const trust = (template: Template, id: string): any => properties(template, id).AssumeRolePolicyDocument.Statement[0]

import { gateOf, type Gate } from '../gate'
import type { Template } from '../../package/packaged'
import type { VariantName } from '../template/variants'
import { CASES } from './cases/index'
import { decidersOf, problemOf, titleOf } from './simulate'
import { worldOf } from './world'

/**
 * Every case of a variant with what is wrong with it. With `unlike`, only those about somebody or something that the two templates
 * do not say the same of: the others have the same answer.
 */
export const casesOf = async (
  name: VariantName,
  template: Template,
  unlike?: Template,
): Promise<{ title: string; problems: string[] }[]> => {
  const world = worldOf(template)
  const other = unlike && worldOf(unlike)
  const checks = []
  for (const asked of CASES[name] ?? []) {
    if (other !== undefined && JSON.stringify(decidersOf(world, asked)) === JSON.stringify(decidersOf(other, asked))) continue
    const problem = await problemOf(world, asked)
    checks.push({ title: `[${name}] ${titleOf(asked)}`, problems: problem === undefined ? [] : [problem] })
  }
  return checks
}

/** Asks IAM’s simulator every case of the table. */
export const iamCases = async (templates: Record<VariantName, Template>): Promise<Gate> => {
  const checks = await Promise.all((Object.keys(templates) as VariantName[]).map((name) => casesOf(name, templates[name])))
  return gateOf('iam', checks.flat())
}

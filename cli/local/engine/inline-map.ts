import { forEachAtOnce } from './at-once'
import type { MapState } from './definition'
import type { EngineOptions } from './engine'
import { runtimeError, stopWith } from './errors'
import { runProgram, type Program, type Run, type Work } from './run'
import { selector } from './select'
import { limitOf } from './limit'

/** "You can have up to 40 concurrent iterations" of an inline Map, whatever its MaxConcurrency says. */
const INLINE_AT_ONCE = 40

/**
 * An inline Map: each iteration on its own machine. Ours and not the library's, because there a failing iteration leaves
 * those not yet begun in its queue, and they are all still run.
 */
export const mapInline = (state: MapState, processor: Program, options: EngineOptions): Work => {
  const settings = selector({
    'items.$': state.ItemsPath ?? '$',
    ...(state.MaxConcurrencyPath === undefined ? { limit: state.MaxConcurrency ?? 0 } : { 'limit.$': state.MaxConcurrencyPath }),
  })
  const select = state.ItemSelector === undefined ? undefined : selector(state.ItemSelector)
  const selected = (input: unknown, run: Run, index: number, item: unknown): Promise<unknown> =>
    select ? select(input, { ...run.context, Map: { Item: { Index: index, Value: item } } }) : Promise.resolve(item)

  return async (input, run) => {
    const { items, limit } = (await settings(input, run.context)) as { items: unknown; limit: unknown }
    if (!Array.isArray(items)) throw runtimeError(`${state.ItemsPath ?? 'The input'} is not a list.`)
    const outputs: unknown[] = new Array(items.length)
    const all = run.scope.open()
    const iterate = async (item: unknown, index: number): Promise<void> => {
      const one = all.open()
      try {
        outputs[index] = await runProgram(processor, await selected(input, run, index, item), { ...run, scope: one })
      } catch (error) {
        all.stop(stopWith(error))
        throw error
      } finally {
        one.close()
      }
    }
    try {
      await forEachAtOnce(items, limitOf(limit, INLINE_AT_ONCE, options), iterate)
      return outputs
    } finally {
      all.close()
    }
  }
}

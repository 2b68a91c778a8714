/** @returns a copy of `value` in which every `#{Name}` of every string is `substitutions[Name]`. */
export const substitute = <T>(value: T, substitutions: Readonly<Record<string, string>>): T => replaced(value, substitutions) as T

const replaced = (value: unknown, substitutions: Readonly<Record<string, string>>): unknown => {
  if (typeof value === 'string') return value.replaceAll(/#\{(\w+)\}/g, (whole, name: string) => substitutions[name] ?? whole)
  if (Array.isArray(value)) return value.map((item) => replaced(item, substitutions))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, replaced(field, substitutions)]))
}

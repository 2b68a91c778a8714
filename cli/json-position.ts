/** One token of JSON (RFC 8259): a brace, bracket, colon or comma, a string, a number, a literal. */
const TOKEN =
  /[ \t\r\n]*([{}[\]:,]|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y
const SPACE = /[ \t\r\n]*/y

type Wanted = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or ]' | ', or }' | 'end'

/**
 * Where a text stops being JSON: line and column, counted from 1. For texts that JSON.parse refused; its own messages name a
 * position only in some cases, and other ones in each Node.js release.
 */
export const jsonFault = (text: string): { line: number; column: number } => {
  const open: string[] = []
  let wanted: Wanted = 'value'
  let at = 0
  for (;;) {
    SPACE.lastIndex = at
    SPACE.exec(text)
    const start = SPACE.lastIndex
    TOKEN.lastIndex = at
    const token = TOKEN.exec(text)?.[1]
    const next: Wanted | undefined = token === undefined ? undefined : follow(token, wanted, open)
    if (next === undefined) return place(text, start)
    wanted = next
    at = TOKEN.lastIndex
  }
}

/**
 * The first name that stands twice in one object of a JSON text, and where it stands again. JSON.parse takes the last of them and drops
 * the others in silence. For texts that it took.
 */
export const repeatedName = (text: string): { name: string; line: number; column: number } | undefined => {
  const open: (Set<string> | undefined)[] = []
  let before = ''
  for (TOKEN.lastIndex = 0; ;) {
    const token = TOKEN.exec(text)?.[1]
    if (token === undefined) return undefined
    if (token === '{' || token === '[') open.push(token === '{' ? new Set() : undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const name = JSON.parse(before) as string
      if (open.at(-1)!.has(name)) return { name, ...place(text, text.lastIndexOf(before, TOKEN.lastIndex - 1)) }
      open.at(-1)!.add(name)
    }
    before = token
  }
}

const follow = (token: string, wanted: Wanted, open: string[]): Wanted | undefined => {
  const closed = (): Wanted => (open.length === 0 ? 'end' : open.at(-1) === '{' ? ', or }' : ', or ]')
  switch (wanted) {
    case 'value':
    case 'value or ]':
      if (token === '{' || token === '[') {
        open.push(token)
        return token === '{' ? 'name or }' : 'value or ]'
      }
      if (token === ']' && wanted === 'value or ]') {
        open.pop()
        return closed()
      }
      return '}]:,'.includes(token) ? undefined : closed()
    case 'name':
    case 'name or }':
      if (token.startsWith('"')) return ':'
      if (token !== '}' || wanted === 'name') return undefined
      open.pop()
      return closed()
    case ':':
      return token === ':' ? 'value' : undefined
    case ', or ]':
    case ', or }':
      if (token === ',') return wanted === ', or ]' ? 'value' : 'name'
      if (token !== wanted.at(-1)) return undefined
      open.pop()
      return closed()
    case 'end':
      return undefined
  }
}

const place = (text: string, at: number): { line: number; column: number } => {
  const before = text.slice(0, at).split('\n')
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 }
}

/**
 * What a spreadsheet takes for a formula: = + - @ and their full-width forms at the beginning of a cell. A cell begins where the field
 * does, and, in a program that is set to another separator or that drops quotes, behind any of , ; | a tab, a quote or a line end
 * (OWASP, "CSV Injection").
 */
const FORMULA = /(^|[,;|\t"\r\n])(\s*)(?=[=+\-@＝＋－＠])/g

/** A field that begins with one of these is given to the next cell or line by some programs. */
const MOVES = /^[\t\r\n]/

const tamed = (field: string): string => field.replace(FORMULA, "$1$2'").replace(MOVES, "'$&")

/**
 * One CSV line (RFC 4180), without its line end. What a spreadsheet would take for a formula is given an apostrophe in front, so that
 * a hostile key runs nothing when the file is opened: a row's exact bytes must stand in a column of their own, in base64.
 */
export const csvLine = (fields: readonly string[]): string =>
  fields
    .map(tamed)
    .map((field) => (/[",;\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',')

/**
 * One CSV line (RFC 4180). A field that a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage
 * return) is given an apostrophe in front, so that a hostile key runs nothing when the file is opened.
 */
export const csvLine = (fields: readonly string[]): string =>
  fields
    .map((field) => (/^[=+\-@\t\r]/.test(field) ? `'${field}` : field))
    .map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',')

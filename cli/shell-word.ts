/** A word as a POSIX shell takes it, for commands that are printed to be copied. Without a backslash, which a terminal's text doubles. */
export const shellWord = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`)

/**
 * Control characters, those that end a line and those that turn the direction of writing: text from elsewhere could use them to
 * repaint a terminal or to fake a line of a log.
 */
const ACTING = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** Text from elsewhere, made fit for one line: what acts stands there as its escape, to be read and not obeyed. */
export const onOneLine = (text: string): string =>
  text.replace(ACTING, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** The same, of at most `most` characters and the number of those left out. */
export const shortLine = (text: string, most: number): string => {
  const line = onOneLine(text)
  return line.length > most ? `${line.slice(0, most)}… (${line.length - most} characters more)` : line
}

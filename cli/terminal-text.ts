/** Control characters and those that turn the direction of writing: a hostile key or message could use them to repaint a terminal. */
const ACTING = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** Text from elsewhere, made fit for one line of a terminal. */
export const terminalText = (text: string): string =>
  text.replace(ACTING, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { InvalidRequest } from '@drayage/core'
import { jsonFault, repeatedName } from './json-position'

/**
 * Reads the request, `-` from standard input. Throws InvalidRequest when there is none, it is not JSON, or one of its objects has a name
 * twice: half of what was asked for would be dropped in silence.
 */
export const readRequest = async (name: string): Promise<unknown> => {
  const shown = name === '-' ? 'standard input' : name
  const content = (name === '-' ? await text(process.stdin) : await readNamed(name)).replace(/^\uFEFF/, '')
  const request = parse(content, shown)
  const twice = repeatedName(content)
  if (twice !== undefined)
    throw new InvalidRequest([
      `${shown}: line ${twice.line}, column ${twice.column} has ${JSON.stringify(twice.name)} a second time; leave one of the two out`,
    ])
  return request
}

const parse = (content: string, shown: string): unknown => {
  try {
    return JSON.parse(content)
  } catch (error) {
    const { line, column } = jsonFault(content)
    throw new InvalidRequest([`${shown}: not JSON from line ${line}, column ${column} on; mend it there`], { cause: error })
  }
}

const readNamed = async (name: string): Promise<string> => {
  try {
    return await readFile(name, 'utf8')
  } catch (error) {
    throw new InvalidRequest(
      [`REQUEST: ${name} cannot be read (${(error as NodeJS.ErrnoException).code}); name a JSON file, or - for standard input`],
      {
        cause: error,
      },
    )
  }
}

import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { InvalidRequest } from '@drayage/core'
import { jsonFault } from './json-position'

/** Reads the request, `-` from standard input. Throws InvalidRequest when there is none or it is not JSON. */
export const readRequest = async (name: string): Promise<unknown> => {
  const shown = name === '-' ? 'standard input' : name
  const content = name === '-' ? await text(process.stdin) : await readNamed(name)
  try {
    return JSON.parse(content.replace(/^\uFEFF/, ''))
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

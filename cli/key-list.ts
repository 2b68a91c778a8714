import { createReadStream } from 'node:fs'
import { InvalidRequest, keyListForm, keyListProblems, MAX_LIST_BYTES, type KeyListForm } from '@drayage/core'

/** A list of keys as the operator gave it. */
export interface GivenKeys {
  /** what problems call it */
  name: string
  form: KeyListForm
  bytes: Buffer
}

/** Reads the file of --keys, `-` from standard input as plain text. Throws InvalidRequest when it cannot be read or its name does not say what it is. */
export const readKeys = async (name: string): Promise<GivenKeys> => {
  const form = name === '-' ? 'txt' : keyListForm(name)
  if (form === undefined) throw new InvalidRequest([`--keys: ${name} does not say what it is; name a file that ends in .txt or .jsonl`])
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of name === '-' ? process.stdin : createReadStream(name)) {
      chunks.push(chunk as Buffer)
      size += (chunk as Buffer).length
      if (size > MAX_LIST_BYTES) break
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new InvalidRequest([`--keys: ${name} cannot be read (${code}); name a list of keys, or - for standard input`], { cause: error })
  }
  return { name: `--keys: ${name === '-' ? 'standard input' : name}`, form, bytes: Buffer.concat(chunks) }
}

/** Throws InvalidRequest with a line per bad line of the list. */
export const checkKeys = async ({ name, form, bytes }: GivenKeys, sourcePrefix: string): Promise<void> => {
  const problems = await keyListProblems({ name, form, chunks: [bytes] }, sourcePrefix)
  if (problems.length > 0) throw new InvalidRequest(problems)
}

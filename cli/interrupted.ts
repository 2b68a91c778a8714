/** The operator ended the run. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'

  constructor(message: string) {
    super(message)
  }
}

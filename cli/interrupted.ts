/** The operator ended the run. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'

  constructor() {
    super('The run was interrupted by the operator.')
  }
}

import type { EngineOptions } from './engine'
import { StatesError } from './errors'

/** A child's end, as Step Functions writes it into a Map Run's result files. Input and Output are JSON texts. */
export interface ChildRecord {
  ExecutionArn: string
  Input: string
  InputDetails: { Included: true }
  Name: string
  Output?: string
  OutputDetails?: { Included: true }
  Error?: string
  Cause?: string
  StartDate: string
  StateMachineArn: string
  Status: 'SUCCEEDED' | 'FAILED'
  StopDate: string
}

/** A result file is put once it holds this many characters. AWS lets one grow to 5 GB; ours is held in memory. */
const FILE_CHARACTERS = 1024 * 1024

interface ResultFile {
  Key: string
  Size: number
}

/** The s3:putObject ResultWriter: files of children's results under `folder`, and at the end a manifest of them. */
export class ResultWriter {
  readonly #files = { SUCCEEDED: [] as ResultFile[], FAILED: [] as ResultFile[] }
  readonly #waiting = { SUCCEEDED: [] as string[], FAILED: [] as string[] }
  readonly #characters = { SUCCEEDED: 0, FAILED: 0 }
  #writing: Promise<void> = Promise.resolve()

  constructor(
    private readonly putResult: EngineOptions['putResult'],
    private readonly bucket: string,
    private readonly folder: string,
    private readonly mapRunArn: string,
  ) {}

  /** Waits while a file is being put, so that children do not outrun the store. @throws StatesError States.ResultWriterFailed. */
  async add(record: ChildRecord): Promise<void> {
    const text = JSON.stringify(record)
    this.#waiting[record.Status].push(text)
    this.#characters[record.Status] += text.length
    if (this.#characters[record.Status] >= FILE_CHARACTERS) this.#put(record.Status)
    await this.#writing
  }

  /** Puts what is left and the manifest. @returns the manifest's key. @throws StatesError States.ResultWriterFailed. */
  async finish(): Promise<string> {
    if (this.#waiting.SUCCEEDED.length > 0) this.#put('SUCCEEDED')
    if (this.#waiting.FAILED.length > 0) this.#put('FAILED')
    await this.#writing
    const key = `${this.folder}/manifest.json`
    const manifest = { DestinationBucket: this.bucket, MapRunArn: this.mapRunArn, ResultFiles: { ...this.#files, PENDING: [] } }
    await this.#putBody(key, JSON.stringify(manifest))
    return key
  }

  #put(status: ChildRecord['Status']): void {
    const body = `[${this.#waiting[status].join(',')}]`
    this.#waiting[status] = []
    this.#characters[status] = 0
    const key = `${this.folder}/${status}_${this.#files[status].length}.json`
    this.#files[status].push({ Key: key, Size: Buffer.byteLength(body) })
    this.#writing = this.#writing.then(() => this.#putBody(key, body))
  }

  async #putBody(key: string, body: string): Promise<void> {
    try {
      await this.putResult(this.bucket, key, body)
    } catch (error) {
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      throw new StatesError('States.ResultWriterFailed', `s3://${this.bucket}/${key} could not be written. ${why}`, true, true, {
        cause: error,
      })
    }
  }
}

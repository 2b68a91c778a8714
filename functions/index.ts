import type { AnswerShape, Step } from '@drayage/core'
import * as beginUpload from './begin-upload'
import * as cleanup from './cleanup'
import * as completeUpload from './complete-upload'
import * as copyBatch from './copy-batch'
import * as copyPartGroup from './copy-part-group'
import * as estimate from './estimate'
import * as listSource from './list-source'
import * as openAccess from './open-access'
import * as preflight from './preflight'
import * as reconcile from './reconcile'
import * as restoreArchived from './restore-archived'
import * as validateRequest from './validate-request'
import * as verifyBatch from './verify-batch'
import * as writeReport from './write-report'

/** A function as the one-machine runtime takes it: its work, and what the state machine reads of its answer. */
export interface TaskFunction {
  step: Step<never, unknown>
  shape: AnswerShape
}

/** Every Task state's function, by its name in {Ref: name}. */
export const tasks: Readonly<Record<string, TaskFunction>> = {
  validateRequest: { step: validateRequest.validateRequest, shape: validateRequest.shape },
  openAccess: { step: openAccess.openAccess, shape: {} },
  preflight: { step: preflight.preflight, shape: preflight.shape },
  listSource: { step: listSource.listSource, shape: listSource.shape },
  estimate: { step: estimate.estimate, shape: {} },
  restoreArchived: { step: restoreArchived.restoreArchived, shape: restoreArchived.shape },
  copyBatch: { step: copyBatch.copyBatch, shape: copyBatch.shape },
  beginUpload: { step: beginUpload.beginUpload, shape: beginUpload.shape },
  copyPartGroup: { step: copyPartGroup.copyPartGroup, shape: copyPartGroup.shape },
  completeUpload: { step: completeUpload.completeUpload, shape: completeUpload.shape },
  verifyBatch: { step: verifyBatch.verifyBatch, shape: verifyBatch.shape },
  reconcile: { step: reconcile.reconcile, shape: reconcile.shape },
  cleanup: { step: cleanup.cleanup, shape: cleanup.shape },
  writeReport: { step: writeReport.writeReport, shape: {} },
}

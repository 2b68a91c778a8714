import { Metrics as Emf } from '@aws-lambda-powertools/metrics'
import type { Report } from '../domain/report'

/** Everything that is measured; docs/guides/logs.md says what each means and which alarm stands on it. */
export type MetricName =
  | 'ObjectsTransferred'
  | 'BytesTransferred'
  | 'TransferDuration'
  | 'FailedTransfers'
  | 'VerificationMismatches'
  | 'Orphans'
  | 'CredentialAge'
  | 'CredentialsExpired'

export type MetricUnit = 'Count' | 'Bytes' | 'Milliseconds' | 'Seconds'

export interface Metrics {
  add(name: MetricName, value: number, unit: MetricUnit): void
}

/**
 * Metrics as CloudWatch reads them out of a function's log (embedded metric format), in the namespace Drayage by stage. Each is
 * written at once: nothing is left to be lost with a call that fails or an environment that is frozen.
 */
export const emfMetrics = (stage: string): Metrics => {
  const emf = new Emf({ namespace: 'Drayage' })
  // The package adds a dimension `service` of its own, under which no alarm by stage alone would find a metric.
  emf.clearDefaultDimensions()
  emf.setDefaultDimensions({ stage })
  return { add: (name, value, unit) => void emf.addMetric(name, unit, value).publishStoredMetrics() }
}

/** What a run came to. A listed object that is neither copied, skipped nor excluded counts as failed, whatever kept it from that. */
export const measure = ({ ledger, bytes, verification, startedAt, endedAt }: Report, metrics: Metrics): void => {
  const { missing, different, unverifiable } = verification.counts
  metrics.add('ObjectsTransferred', ledger.copied, 'Count')
  metrics.add('BytesTransferred', bytes.copied, 'Bytes')
  metrics.add('TransferDuration', Date.parse(endedAt) - Date.parse(startedAt), 'Milliseconds')
  metrics.add('FailedTransfers', ledger.failed + ledger.changed + Math.max(0, ledger.unaccounted), 'Count')
  metrics.add('VerificationMismatches', missing + different + unverifiable, 'Count')
}

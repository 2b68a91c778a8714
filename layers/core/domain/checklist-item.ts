/** Where a line stands: in the cloud migration guide's checklists, or in the shared-responsibility list of the S3 migration solution. */
export type Phase = 'pre' | 'during' | 'post' | 'compliance' | 'cleanup' | 'shared'

/** One line of what a migration owes. `pass` only with something that was observed; what nobody can see from here is `manual`. */
export interface ChecklistItem {
  id: string
  phase: Phase
  /** the line as the list has it */
  text: string
  status: 'pass' | 'fail' | 'manual'
  evidence: string
  /** the command or console step; absent: nothing is left to do */
  todo?: string | undefined
}

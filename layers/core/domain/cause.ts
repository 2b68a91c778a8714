/** The words of an error's `Cause` as the state machine has it: a message, or Lambda's JSON with `errorMessage`. */
export const causeWords = (cause: string): string => {
  try {
    const parsed = JSON.parse(cause) as { errorMessage?: unknown } | null
    return typeof parsed?.errorMessage === 'string' ? parsed.errorMessage : cause
  } catch {
    return cause
  }
}

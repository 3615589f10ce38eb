/**
 * The program cannot start, for a reason that a person can mend. The message is one sentence that says what to do;
 * it is all that is shown.
 */
export class StartError extends Error {
  override readonly name = 'StartError'
}

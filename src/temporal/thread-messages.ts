/** The module that is in workflow code which is to go without stack traces. */
export const WITHOUT_TRACES = 'workflows/no-stack-traces.ts'

/** What the SDK's worker and its thread of workflow code say to each other, as far as it matters here. */
export type Request = {
  requestId: bigint
  input:
    | { type: 'create-workflow'; options: { info: { runId: string } } }
    | { type: 'activate-workflow'; runId: string; activation: unknown }
    | { type: 'extract-sink-calls'; runId: string }
    | { type: 'init'; workflowBundle: { code: string } }
    | { type: 'destroy' | 'dispose-workflow' }
}

export type Response = {
  requestId: bigint
  result:
    { type: 'error' } | { type: 'ok'; output?: { type: 'activation-completion'; completion: unknown } | { type: 'sink-calls' } }
  /** Ours: this activation has logged nothing. */
  quiet?: boolean
}

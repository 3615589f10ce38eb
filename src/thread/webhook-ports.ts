/** The effect that the workflow of a webhook needs; `activities/` satisfies it. */
export interface WebhookActivities {
  /**
   * Sends what is due to one webhook, each delivery once, and notes what came of it. `next_at` (ms): when the next is
   * due, null when none waits; `wait_ms`: how long until then by the clock that `next_at` was made with, which need not
   * be Temporal's. Workers of before did not tell it.
   */
  deliverWebhooks(input: WebhookInput): Promise<{ next_at: number | null; wait_ms?: number }>
}
export type WebhookInput = { webhook_id: string }

/** The effect that the workflow of a webhook needs; `activities/` satisfies it. */
export interface WebhookActivities {
  /**
   * Sends what is due to one webhook, each delivery once, and notes what came of it. `next_at` (ms): when the next is
   * due, null when none waits.
   */
  deliverWebhooks(input: WebhookInput): Promise<{ next_at: number | null }>
}
export type WebhookInput = { webhook_id: string }

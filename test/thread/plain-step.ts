import type { ModelStepResult } from '../../src/thread/ports.ts'

/** A model call that came back with words alone, and with room for any number of steps. */
export const PLAIN: Extract<ModelStepResult, { kind: 'completed' }> = {
  kind: 'completed',
  model: 'm',
  finish_reason: 'stop',
  usage: { input_tokens: 1, output_tokens: 1 },
  duration_ms: 1,
  agent_version: 'v1',
  limits: { max_steps: 1_000 },
  has_content: true,
  has_text: true,
  calls: [],
}

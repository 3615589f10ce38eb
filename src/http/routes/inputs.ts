import { z } from 'zod'
import { sendCommand, submitCommand, SUBMIT_REFUSALS, type Submitted } from '../commands.ts'
import { idempotencyKey } from '../idempotency.ts'
import { requireTarget } from '../lookup.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { anyId } from '../schemas/common.ts'
import { checkSizes } from '../schemas/messages.ts'
import { inputsAccepted, postInputs } from '../schemas/submit.ts'

export function inputRoutes(): Route[] {
  return [
    route({
      params: z.object({ id: anyId }),
      missing: 'run_not_found',
      tag: 'Runs',
      method: 'post',
      path: '/v1/runs/:id/inputs',
      summary: 'Send messages to a run: read by it while it is open, else by a run of the same agent on its thread',
      body: postInputs,
      responses: { '202': { description: 'Accepted', schema: inputsAccepted } },
      problems: ['run_not_found', 'thread_deleted', ...SUBMIT_REFUSALS],
      async handle(context, { params: { id }, body, headers, gone }) {
        checkSizes(body.messages, { metadata: body.metadata, overrides: body.overrides })
        const key = idempotencyKey(headers)
        const { ref, run } = await requireTarget(context, id, 'run')
        // Run and agent go along whether the run is open or not: that is for the thread to know, and a repeat must be
        // the same command after the run has ended.
        const whom = run === null ? {} : { run_id: run.run_id, agent_id: run.agent_id }
        const command = submitCommand({ ...body, ...whom })
        const { outcome } = await sendCommand<Submitted>(context, ref, command, { route: 'POST /v1/runs/inputs', key, gone })
        const { run_id: accepted_by_run_id, dispatch_id, message_ids } = outcome
        const answer = { thread_id: ref.thread_id, run_id: run?.run_id ?? accepted_by_run_id, accepted_by_run_id }
        return json({ status: 'inputs_accepted', ...answer, dispatch_id, message_ids }, 202, {
          'Content-Location': `/v1/runs/${accepted_by_run_id}`,
        })
      },
    }),
  ]
}

import { z } from 'zod'
import { sendCommand } from '../commands.ts'
import { checkEditedArguments } from '../edited-arguments.ts'
import { idempotencyKey } from '../idempotency.ts'
import { refOf, requireTarget, requireThread } from '../lookup.ts'
import type { HttpContext } from '../options.ts'
import { presentRun } from '../present.ts'
import { json } from '../response.ts'
import { route, type Input, type Route } from '../route.ts'
import { anyId, threadId } from '../schemas/common.ts'
import { cancelAccepted, cancelQuery, decisionAccepted, interruptAccepted, postDecision, postInterrupt } from '../schemas/runs.ts'
import { listen } from '../streams/listen.ts'
import { waitForRun } from '../streams/wait.ts'
import type { DecisionCommand } from '../../thread/command.ts'

const params = z.object({ id: anyId })
const targets = {
  run: { params, missing: 'run_not_found', tag: 'Control' },
  thread: { params, missing: 'thread_not_found', tag: 'Control' },
} as const
const COMMON = ['thread_deleted', 'idempotency_conflict', 'thread_unavailable', 'needs_reconcile'] as const
/** A cancelled run ends within seconds, whatever its tools do. */
const CANCEL_WAIT_MS = 30_000
const noBody = z.object({})
type Interrupted = { superseded_dispatches: number; undelivered_messages?: number; run_id: string | null }

export function controlRoutes(): Route[] {
  return [
    ...(['run', 'thread'] as const).flatMap((kind) => [cancelRoute(kind), decisionRoute(kind)]),
    route({
      params: z.object({ id: threadId }),
      missing: 'thread_not_found',
      tag: 'Control',
      method: 'post',
      path: '/v1/threads/:id/interrupt',
      summary: 'Stop the active run; queued runs are superseded, kept or parked',
      body: postInterrupt,
      body_optional: true,
      responses: { '202': { description: 'Requested', schema: interruptAccepted } },
      problems: ['thread_not_found', 'nothing_to_interrupt', ...COMMON],
      async handle(context, { params: { id }, body, headers, gone }) {
        const key = idempotencyKey(headers)
        await requireThread(context, id)
        const command = { type: 'interrupt' as const, mode: 'graceful' as const, queue: body.queue }
        const { outcome } = await sendCommand<Interrupted>(context, refOf(context, id), command, {
          route: 'POST /v1/threads/interrupt',
          key,
          gone,
        })
        // An answer of an earlier version, which a repeat gets again, has no such count.
        const { run_id, superseded_dispatches, undelivered_messages = 0 } = outcome
        return json({ status: 'interrupt_requested', thread_id: id, run_id, superseded_dispatches, undelivered_messages }, 202)
      },
    }),
  ]
}

function cancelRoute(kind: 'run' | 'thread'): Route {
  return route({
    ...targets[kind],
    method: 'post',
    path: `/v1/${kind}s/:id/cancel`,
    summary: kind === 'run' ? 'Cancel a run, open or queued' : 'Cancel the open run of a thread',
    query: cancelQuery,
    body: noBody,
    body_optional: true,
    responses: { '202': { description: 'Requested, or with wait=true done', schema: cancelAccepted } },
    problems: ['run_not_found', 'thread_not_found', ...COMMON],
    async handle(context, { params: { id }, query, headers, gone }) {
      const key = idempotencyKey(headers)
      const { ref, run } = await requireTarget(context, id, kind)
      const command = run === null ? { type: 'cancel' as const } : { type: 'cancel' as const, run_id: run.run_id }
      const route = `POST /v1/${kind}s/cancel`
      const { outcome } = await sendCommand<{ run_id: string }>(context, ref, command, { route, key, gone })
      const answer = { status: 'cancel_requested', thread_id: ref.thread_id, run_id: outcome.run_id }
      if (query.wait !== true) return json(answer, 202)
      const inbox = listen(context, ref.thread_id, gone)
      try {
        const options = { thread_id: ref.thread_id, run_id: outcome.run_id, inbox, timeout_ms: CANCEL_WAIT_MS, gone }
        const ended = await waitForRun(context, { ...options, until: ({ status }) => status === 'done' })
        return json(ended === null ? answer : { ...answer, run: presentRun(ended) }, 202)
      } finally {
        inbox.close()
      }
    },
  })
}

function decisionRoute(kind: 'run' | 'thread'): Route {
  return route({
    ...targets[kind],
    method: 'post',
    path: `/v1/${kind}s/:id/decision`,
    summary: 'Decide on a tool call that waits',
    body: postDecision,
    responses: { '202': { description: 'Submitted', schema: decisionAccepted } },
    problems: [
      'run_not_found',
      'thread_not_found',
      'ticket_not_found',
      'already_decided',
      'invalid_decision',
      'invalid_arguments',
      'payload_too_large',
      ...COMMON,
    ],
    handle: (context, input) => decide(context, kind, input),
  })
}

async function decide(
  context: HttpContext,
  kind: 'run' | 'thread',
  { params: { id }, body, headers, gone }: Input<{ id: string }, undefined, z.output<typeof postDecision>>,
) {
  const key = idempotencyKey(headers)
  const target = await requireTarget(context, id, kind)
  const { ref } = target
  await checkEditedArguments(context, target, body)
  const { by, ...rest } = body
  const decider = by?.id === undefined && by?.name === undefined ? undefined : by
  const given = Object.fromEntries(Object.entries({ ...rest, by: decider }).filter(([, value]) => value !== undefined))
  const command = { ...given, type: 'decision' } as DecisionCommand
  const { outcome } = await sendCommand<object>(context, ref, command, { route: `POST /v1/${kind}s/decision`, key, gone })
  return json({ status: 'decision_submitted', thread_id: ref.thread_id, ...outcome }, 202)
}

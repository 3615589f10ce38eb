import { z } from 'zod'
import type { ReconcileStatus } from '../../thread/repair/ports.ts'
import type { JsonObject } from '../../thread/json.ts'
import type { Reconciler } from '../../temporal/gateway.ts'
import { requireThread } from '../lookup.ts'
import type { HttpContext } from '../options.ts'
import { time } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { anyId } from '../schemas/common.ts'
import { reconcileBody, reconcileStarted, reconcileStatus } from '../schemas/reconcile.ts'

/** Repairs by hand: see docs/reconcile.md. */
export function reconcileRoutes(): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/reconcile',
      tag: 'Service',
      summary: 'Compare all threads, or one, with the store and mend what is missing',
      body: reconcileBody,
      body_optional: true,
      responses: { '202': { description: 'It has begun', schema: reconcileStarted } },
      problems: ['thread_not_found', 'thread_deleted', 'thread_unavailable'],
      async handle(context, { body: { thread_id } }) {
        if (thread_id !== undefined) await requireThread(context, thread_id)
        const started = await within(reconcilerOf(context).start(context.tenant, thread_id))
        return json(started, 202, { Location: `/v1/reconcile/${started.id}` })
      },
    }),
    route({
      method: 'get',
      path: '/v1/reconcile/:id',
      tag: 'Service',
      summary: 'How far a repair has come, and what it has done',
      params: z.object({ id: anyId }),
      missing: 'not_found',
      responses: { '200': { description: 'The repair', schema: reconcileStatus } },
      problems: ['not_found', 'thread_unavailable'],
      async handle(context, { params: { id } }) {
        const status = await within(reconcilerOf(context).status(context.tenant, id))
        if (status === null) throw new HttpProblem('not_found', 'There is no repair with this id, or it was long ago.')
        return json(present(id, status))
      },
    }),
  ]
}

function reconcilerOf({ reconciler }: HttpContext): Reconciler {
  if (reconciler !== null) return reconciler
  throw new HttpProblem('thread_unavailable', 'Threads cannot be mended from here.')
}

async function within<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch {
    throw new HttpProblem('thread_unavailable', 'Temporal or a worker did not answer in time; ask again.')
  }
}

function present(id: string, { tenant: _tenant, lost, ...status }: ReconcileStatus): JsonObject {
  const shown = lost.map(({ found_at, ...one }) => (found_at === undefined ? one : { ...one, found_at: time(found_at) }))
  return { id, ...status, lost: shown }
}

import type { SubmitCommand } from '../../thread/command.ts'
import { sendCommand, submitCommand, SUBMIT_REFUSALS, type Sent, type Submitted } from '../commands.ts'
import { bodyHash, idempotencyKey, newThreadId, repeatId } from '../idempotency.ts'
import { checkAgent, lookUpThread, NEW_THREAD, refOf } from '../lookup.ts'
import type { HttpContext } from '../options.ts'
import { presentRun } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { runEvent } from '../schemas/events.ts'
import { checkSizes } from '../schemas/messages.ts'
import { postRun, runRecord } from '../schemas/runs.ts'
import { checkStreams, listen } from '../streams/listen.ts'
import { streamRun } from '../streams/run-stream.ts'
import { beginRun, begunByAnswer, type Cause } from '../streams/told-start.ts'
import { waitForRun } from '../streams/wait.ts'
import { isSettled } from './runs.ts'

const ROUTE = 'POST /v1/runs'

export function submitRoutes(): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/runs',
      tag: 'Runs',
      summary: 'Run an agent on messages and follow it',
      body: postRun,
      responses: {
        '200': {
          description: 'Native run events until the run ends or waits; with Accept: application/json the record of the run, then',
          media: { 'text/event-stream': runEvent, 'application/json': runRecord },
        },
      },
      problems: ['unknown_agent', 'thread_deleted', 'too_many_streams', 'not_acceptable', ...SUBMIT_REFUSALS],
      async handle(context, { body, headers, prefers, gone }) {
        const streams = prefers('text/event-stream', 'application/json')
        if (streams === null)
          throw new HttpProblem('not_acceptable', 'This address answers with text/event-stream or application/json.')
        if (streams) checkStreams(context)
        const { agent_id, messages, metadata, overrides, queue, parent_run_id, transport_request_id, on_disconnect } = body
        checkAgent(context, agent_id)
        checkSizes(messages, { metadata, overrides })
        const key = idempotencyKey(headers)
        const thread_id = body.thread_id ?? newThreadId(context.tenant, ROUTE, key)
        const ref = refOf(context, thread_id)
        // A refused start would leave an empty workflow behind.
        const isNamed = body.thread_id !== undefined || key !== null
        const found = isNamed ? await lookUpThread(context, ref, { route: ROUTE, key, required: false }) : NEW_THREAD
        const command = submitCommand({
          mode: 'foreground',
          agent_id,
          messages,
          metadata,
          overrides,
          queue,
          parent_run_id,
          transport_request_id,
        })
        const inbox = listen(context, thread_id, gone)
        try {
          const send = (delivery_id?: string): Promise<Sent<Submitted>> =>
            sendCommand(context, ref, command, {
              route: ROUTE,
              key,
              gone,
              delivery_id,
              found,
            })
          const begun = streams
            ? await beginRun(context, causeOf(context, thread_id, key, command), gone, send)
            : begunByAnswer(await send())
          const { run_id, start } = begun
          if (on_disconnect === 'cancel') cancelWhenGone(context, thread_id, run_id, gone)
          const location = { 'Content-Location': `/v1/runs/${run_id}` }
          if (streams) {
            const run = streamRun.bind(null, context, { thread_id, ...begun, ends_on_wait: true, inbox })
            return { kind: 'stream', headers: location, run }
          }
          const run = await waitForRun(context, { thread_id, run_id, inbox, until: isSettled, min_seq: start.seq, gone })
          inbox.close()
          if (run === null)
            throw new HttpProblem('thread_unavailable', 'The service closes; the run goes on. Ask for it in a moment.', {
              run_id,
            })
          return json(presentRun(run), 200, location)
        } catch (error) {
          inbox.close()
          throw error
        }
      },
    }),
  ]
}

function causeOf({ tenant }: HttpContext, thread_id: string, key: string | null, command: SubmitCommand): Cause {
  const id = repeatId(tenant, ROUTE, key, command)
  return { thread_id, repeat: id === null ? null : { id, body_hash: bodyHash(command) } }
}

/** The caller asked that its going away ends the run. The service's own closing is no going away. */
function cancelWhenGone(context: HttpContext, thread_id: string, run_id: string, gone: AbortSignal): void {
  const cancel = (): void => {
    const command = { type: 'cancel' as const, run_id, command_id: `disconnect-${run_id}`, origin: 'http' }
    context.gateway.send(refOf(context, thread_id), command).catch((error: unknown) => {
      context.log.warn({ err: error, run_id }, 'a run could not be cancelled after its caller had gone')
    })
  }
  if (gone.aborted) cancel()
  else gone.addEventListener('abort', cancel, { once: true })
}

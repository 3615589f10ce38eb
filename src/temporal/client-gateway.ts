import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  isGrpcServiceError,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
} from '@temporalio/client'
import { ApplicationFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import type { ThreadInput } from '../thread/begin.ts'
import type { Command } from '../thread/command.ts'
import type { ThreadRef } from '../thread/ports.ts'
import type { Answer, RejectionCode } from '../thread/reply.ts'
import { firstAttributes, refusesAttributes, type KnownAttributes } from './first-attributes.ts'
import { sendFirst, type FirstRuns } from './first-runs.ts'
import { forgetExecutions } from './forget.ts'
import { ThreadUnavailable, type Delivered, type Sending, type ThreadGateway } from './gateway.ts'
import { startOptions, TASK_QUEUE, THREAD_WORKFLOW, workflowIdOf } from './names.ts'
import { ambiguity } from './ambiguity.ts'
import { sentOnce } from './retries.ts'
import { lookAfter } from './stuck.ts'

export type GatewayOptions = {
  client: Client
  /** How long one command may take in all, retries included (ms). */
  timeout_ms: number
  task_queue?: string
  /** Which search attributes may be given with a start (none). */
  attributes?: KnownAttributes
  /** How first runs are stored before their threads are started; without it the workflows do all of it. */
  first_runs?: FirstRuns
  /** On the connection of a worker in this process, which is given a new thread's first task with the start's answer. */
  beside_worker?: Client
}

type Thread = (input?: ThreadInput) => Promise<void>

const NO_ATTRIBUTES: KnownAttributes = { search_attributes: false, tenant_attribute: false }

/** One try waits so long; the next one, with the same update id, finds the update where it is or brings it to the next execution. */
const TRY_MS = 2_500
/** What the SDK may take to tell of a deadline that has passed, which says more than ours. */
const SDK_MS = 50
/** How often a thread that does not answer is looked at (ms). */
const LOOK_MS = 1_000
const FIRST_BACKOFF_MS = 20
const LAST_BACKOFF_MS = 500

/** The gateway over a Temporal client. Retries with one id until it has an answer or its time is up. */
export function createGateway({
  client,
  timeout_ms,
  task_queue = TASK_QUEUE,
  attributes = NO_ATTRIBUTES,
  first_runs,
  beside_worker,
}: GatewayOptions): ThreadGateway {
  /** What the namespace says that it knows, until it refuses a start because of it. */
  let known = attributes

  async function send(ref: ThreadRef, command: Command, { delivery_id, new_thread = false }: Sending = {}): Promise<Delivered> {
    const deadline = Date.now() + timeout_ms
    // Ids of what the command creates carry this time, so it is the same in every try.
    const stamped = { sent_at: Date.now(), ...command }
    // An update of its own for each call: the server gives a known update its first answer, and a refusal that says
    // "not now" would stay. That a command is applied once is the ledger's work.
    const updateId = delivery_id ?? `${command.command_id ?? 'command'}/${randomUUID()}`
    const way = (): Promise<Delivered> => sendUntil(deadline, ref, stamped, updateId)
    if (!new_thread || first_runs === undefined) return way()
    return sendFirst(
      first_runs,
      { ref, command: stamped, delivery_id: updateId },
      { start: (input) => start(deadline, ref, stamped, input), send: way },
    )
  }

  async function sendUntil(deadline: number, ref: ThreadRef, command: Command, updateId: string): Promise<Delivered> {
    const tries = triesUntil(deadline)
    // Around a hand-over no answer comes for some milliseconds, and there is nothing to look for.
    let looked = Date.now()
    let repeated = false
    for (;;) {
      try {
        const answer = await within(tries.until(), () => sendOnce(ref, command, updateId))
        return { ...answer, repeated, delivery_id: updateId }
      } catch (error) {
        if (nowWithoutAttributes(error)) continue
        if (!ambiguity(error)) {
          if (error instanceof WorkflowUpdateFailedError) return { ...refusal(error), repeated, delivery_id: updateId }
          throw error
        }
        // Of all that may keep it from answering, this can be mended, and a later try finds it so.
        if (Date.now() - looked >= LOOK_MS) {
          looked = Date.now()
          void client.connection
            .withDeadline(Date.now() + TRY_MS, () => lookAfter(client, workflowIdOf(ref)))
            .catch(() => undefined)
        }
        if (!tries.left())
          throw new ThreadUnavailable(
            'The thread did not answer in time; send the command again with the same Idempotency-Key.',
            { cause: error },
          )
        await tries.pause()
        repeated = true
      }
    }
  }

  /** One send. The start in it finds the thread running, or starts it from the store; it needs to know nothing. */
  function sendOnce(ref: ThreadRef, command: Command, updateId: string): Promise<Answer> {
    const { type, ...body } = command
    const startWorkflowOperation = new WithStartWorkflowOperation<Thread>(THREAD_WORKFLOW, {
      ...optionsFor(ref, command),
      workflowIdConflictPolicy: 'USE_EXISTING',
    })
    const options = { args: [body], startWorkflowOperation, updateId }
    return client.workflow.executeUpdateWithStart<Thread, Answer, unknown[]>(type, options)
  }

  /**
   * Starts a thread whose first run is stored; false if it runs already. A second try has no state in it, since the first
   * may have started the thread, which may have come further and be gone.
   */
  async function start(deadline: number, ref: ThreadRef, command: Command, input: ThreadInput | null): Promise<boolean> {
    const tries = triesUntil(deadline)
    for (let first = true; ;) {
      const starter = first ? (beside_worker ?? client) : client
      try {
        await within(tries.until(), () => sentOnce(() => startOnce(starter, ref, command, first ? input : null)), starter)
        return true
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return false
        if (nowWithoutAttributes(error)) continue
        const again = tries.left() && (ambiguity(error) || starter !== client)
        if (!again) throw error
        first_runs?.onTrouble?.(ref, 'start_failed', error)
        await tries.pause()
        first = false
      }
    }
  }

  async function startOnce(starter: Client, ref: ThreadRef, command: Command, input: ThreadInput | null): Promise<void> {
    await starter.workflow.start<Thread>(THREAD_WORKFLOW, {
      ...optionsFor(ref, command),
      args: input === null ? [] : [input],
      workflowIdConflictPolicy: 'FAIL',
      requestEagerStart: starter === beside_worker,
    })
  }

  /** Whether a start was refused because of the attributes that were given with it; from then on none are. */
  function nowWithoutAttributes(error: unknown): boolean {
    if (known === NO_ATTRIBUTES || !refusesAttributes(error)) return false
    known = NO_ATTRIBUTES
    return true
  }

  function optionsFor(ref: ThreadRef, command: Command) {
    const typedSearchAttributes = firstAttributes(ref, command, known)
    return { ...startOptions(ref, task_queue), ...(typedSearchAttributes === undefined ? {} : { typedSearchAttributes }) }
  }

  /** The SDK's own deadline lets the pause before its next try run to its end, which may be seconds later. */
  function within<T>(until: number, work: () => Promise<T>, { connection } = client): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new WorkflowUpdateRPCTimeoutOrCancelledError('Temporal did not answer in time.'))
      // On a machine that was busy elsewhere the time may be up already.
      const timer = setTimeout(late, Math.max(1, until + SDK_MS - Date.now()))
      connection
        .withDeadline(until, work)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })
  }

  return {
    send,
    workflowId: workflowIdOf,
    async terminate(ref, reason) {
      try {
        await client.connection.withDeadline(Date.now() + timeout_ms, () =>
          client.workflow.getHandle(workflowIdOf(ref)).terminate(reason),
        )
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw unavailable(error)
      }
    },
    async forget(ref) {
      try {
        await client.connection.withDeadline(Date.now() + timeout_ms, () => forgetExecutions(client, ref))
      } catch (error) {
        throw unavailable(error)
      }
    },
    async ping() {
      await within(Date.now() + 1_000, () => client.workflowService.getSystemInfo({}))
    },
  }
}

/** When one try is over, whether there is time for another, and the pause before it. */
function triesUntil(deadline: number) {
  let backoff = FIRST_BACKOFF_MS
  return {
    until: () => Math.min(deadline, Date.now() + TRY_MS),
    left: () => Date.now() + backoff < deadline,
    async pause() {
      await sleep(backoff)
      backoff = Math.min(LAST_BACKOFF_MS, backoff * 2)
    },
  }
}

/** A validator's refusal: the update never entered the thread's history. */
function refusal(error: WorkflowUpdateFailedError): Answer {
  const { cause } = error
  const code = (cause instanceof ApplicationFailure ? cause.type : null) ?? 'invalid_command'
  const rejection = { code: code as RejectionCode, message: cause?.message ?? 'The command was refused.' }
  return { ok: false, rejection, event_seq: 0, replayed: false, degraded: false }
}

function unavailable(error: unknown): unknown {
  return isGrpcServiceError(error) ? new ThreadUnavailable('Temporal does not answer.') : error
}

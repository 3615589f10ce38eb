import { setTimeout as sleep } from 'node:timers/promises'
import { keyedId } from '../../../src/http/idempotency.ts'
import type { LogEvent } from '../../../src/thread/envelope.ts'
import { logProblems } from '../../support/check-log.ts'
import { shownLog } from '../../support/check-everywhere.ts'
import { createClient, type Client } from '../../http/support/client.ts'
import type { Kind, Sent } from './sender.ts'
import { transcriptProblems } from './transcript.ts'

/** The routes' own names, as keys count for them. */
const ROUTES: Record<Kind, string> = {
  create: 'POST /v1/threads',
  submit: 'POST /v1/runs',
  queue: 'POST /v1/threads/messages',
  steer: 'POST /v1/threads/messages',
  edit: 'PATCH /v1/threads/pending',
  retract: 'DELETE /v1/threads/pending',
  decide: 'POST /v1/threads/decision',
  interrupt: 'POST /v1/threads/interrupt',
}
const AT_ONCE = 8
const READS = 20

export type Verdict = {
  problems: string[]
  /** Threads with problems. */
  doubtful: string[]
  acknowledged: number
  refused: number
  unanswered: number
  applied_unanswered: number
}

/**
 * What every storm ends with: each acknowledged command was applied once, each refused one not at all, one without an
 * answer at most once; every log is in order; every transcript is one that a model takes. The threads must be at rest.
 */
export async function judge(url: string, sent: readonly Sent[], tenant = 'default'): Promise<Verdict> {
  const client = patient(createClient(url))
  const byThread = Map.groupBy(sent, ({ thread_id }) => thread_id)
  const verdict: Verdict = { problems: [], doubtful: [], acknowledged: 0, refused: 0, unanswered: 0, applied_unanswered: 0 }
  const waiting = [...byThread]
  const one = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [thread_id, commands] = next
      const created = commands.some(({ reply }) => reply !== null && reply.status < 300)
      if (!created) continue
      const log = await shownLog(client, thread_id)
      const wrong = [...logProblems(log), ...transcriptProblems(log), ...commandProblems(log, commands, verdict, tenant)]
      if (wrong.length === 0) continue
      verdict.problems.push(`thread ${thread_id}: ${wrong.join('; ')}`)
      verdict.doubtful.push(thread_id)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return verdict
}

/** A busy machine may refuse a read for now; that says nothing about what is stored. */
function patient({ call }: Pick<Client, 'call'>): Pick<Client, 'call'> {
  return {
    async call(...request) {
      for (let attempt = 1; ; attempt++) {
        const answer = await call(...request)
        if (answer.status !== 503 || attempt === READS) return answer
        await sleep(500)
      }
    },
  }
}

function commandProblems(log: readonly LogEvent[], commands: readonly Sent[], verdict: Verdict, tenant: string): string[] {
  const wrong: string[] = []
  for (const sent of commands) {
    if (sent.kind === 'create') continue
    const times = timesApplied(log, sent, tenant)
    const say = (what: string): number =>
      wrong.push(
        `${sent.kind} ${sent.path} ${sent.token ?? ''} (${String(sent.tries)} tries) ${what}: ${JSON.stringify(sent.reply).slice(0, 200)}`,
      )
    if (sent.reply === null) {
      verdict.unanswered += 1
      verdict.applied_unanswered += times > 0 ? 1 : 0
      if (sent.key !== null) say('never had an answer')
      if (times > 1) say(`was not acknowledged and was applied ${String(times)} times`)
    } else if (sent.reply.status < 300) {
      verdict.acknowledged += 1
      if (times !== 1) say(`was acknowledged and was applied ${String(times)} times`)
    } else {
      verdict.refused += 1
      if (times > 0) say(`was refused and was applied ${String(times)} times`)
    }
  }
  return wrong
}

/** How often a command has had its effect: by what it caused, and by the words that only it has said. */
export function timesApplied(log: readonly LogEvent[], sent: Sent, tenant = 'default'): number {
  const { kind, token, key } = sent
  const caused = key === null ? null : log.filter(({ causation_id }) => causation_id === keyedId(tenant, ROUTES[kind], key))
  switch (kind) {
    case 'edit': {
      const edits = log.filter((event) => event.kind === 'PendingEdited' && says(event, token)).length
      const own = caused?.filter((event) => event.kind === 'PendingEdited').length ?? edits
      return own === edits ? edits : Number.NaN
    }
    case 'retract':
      return caused?.filter((event) => event.kind === 'PendingRetracted').length ?? 0
    case 'decide':
      return caused?.filter((event) => event.kind === 'MailboxDecisionReceived').length ?? 0
    case 'interrupt': {
      const stopped = caused?.filter((event) => event.kind === 'RunInterrupted').length ?? 0
      return stopped > 0 ? stopped : Math.min(1, caused?.length ?? 0)
    }
    default: {
      const delivered = log.filter((event) => event.kind === 'PendingDelivered' && says(event, token)).map(messageOf)
      const committed = log.filter((event) => event.kind === 'MessageCommitted' && says(event, token) && isInput(event))
      return new Set([...delivered, ...committed.map(messageOf)]).size
    }
  }
}

function says(event: LogEvent, token: string | null): boolean {
  return token !== null && JSON.stringify(event.payload).includes(token)
}

function isInput({ payload }: LogEvent): boolean {
  return payload['role'] === 'user'
}

function messageOf({ payload }: LogEvent): string {
  return String(payload['pending_id'] ?? payload['message_id'])
}

import { expect } from 'vitest'
import type { LogEvent } from '../../../src/thread/envelope.ts'
import { createClient, type Answered, type Client } from '../../http/support/client.ts'
import { checkService, shownLog } from '../../support/check-everywhere.ts'
import { checkLog } from '../../support/check-log.ts'
import { eventually } from '../../support/engine.ts'

export type Message = {
  message_id: string
  message_seq: number
  role: string
  content: unknown
  run_id: string
  step: number | null
}
export type Run = {
  run_id: string
  status: string
  steps: number
  final_output: string | null
  termination: { type: string; value?: unknown } | null
  error: unknown
  waiting: { tickets: { tool_call_id: string; tool_name: string; arguments: Record<string, unknown> }[] } | null
}

/** What clients do, over HTTP only. */
export type Api = Client & {
  url: string
  /** Queues a message; the run it became. */
  say(thread_id: string, content: string): Promise<string>
  get(path: string): Promise<any>
  getRun(run_id: string): Promise<Run>
  /** The run once it is as asked: by default, once it has ended. */
  whenRun(run_id: string, until?: (run: Run) => boolean, within?: number): Promise<Run>
  messages(thread_id: string): Promise<Message[]>
  /** The thread's whole log, found to be in order. */
  log(thread_id: string): Promise<LogEvent[]>
  /** Every thread's log is in order. */
  checkLogs(): Promise<void>
}

export function createApi(url: string): Api {
  const client = createClient(url)
  const get = async (path: string): Promise<any> => {
    const { status, body } = await client.call('GET', path)
    expect({ path, status, body }).toMatchObject({ status: 200 })
    return body
  }
  const pages = async <T>(path: string, items: string): Promise<T[]> => {
    const all: T[] = []
    for (let cursor = ''; ;) {
      const page = await get(`${path}?limit=200${cursor}`)
      all.push(...page[items])
      if (page.has_more !== true) return all
      cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`
    }
  }
  return {
    ...client,
    url,
    get,
    async say(thread_id, content) {
      await client.call('POST', '/v1/threads', { id: thread_id })
      const answer = await client.call('POST', `/v1/threads/${thread_id}/messages`, { messages: [{ role: 'user', content }] })
      expect(answer).toMatchObject({ status: 202 })
      return answer.body.run_id
    },
    getRun: (run_id) => get(`/v1/runs/${run_id}`),
    whenRun: (run_id, until = (run) => run.status === 'done', within = 30_000) =>
      eventually(async () => {
        const { status, body } = await client.call('GET', `/v1/runs/${run_id}`)
        return status === 200 && until(body) ? body : undefined
      }, within),
    messages: (thread_id) => pages(`/v1/threads/${thread_id}/messages`, 'messages'),
    async log(thread_id) {
      const log = await shownLog(client, thread_id)
      checkLog(log)
      return log
    },
    checkLogs: () => checkService(client),
  }
}

/** As `call`, with a key: what was refused or not answered may be sent again. Status 0: no answer at all. */
export async function keyed(api: Client, key: string, path: string, body: unknown): Promise<Answered> {
  try {
    return await api.call('POST', path, body, { 'idempotency-key': key })
  } catch {
    return { status: 0, headers: new Headers(), body: null }
  }
}

import { expect } from 'vitest'
import { checkLog } from '../../support/check-log.ts'
import type { WordEndpoint } from './endpoint.ts'
import { readThrough, Screen } from './reading.ts'

/** A run and all its readers are through by then. */
const WITHIN_MS = 60_000

export type Watched = { run_id: string; connections: number; attempts: number }

/**
 * One run on a thread of its own, followed three ways over a line that is cut again and again: as the stream of
 * `POST /v1/runs`, as the thread's stream, and as the thread's log. Throws when any of them shows anything but what
 * became of the run. `api` is reached without cuts.
 */
export async function watchRun(proxy: string, api: () => string, thread: string, endpoint: WordEndpoint): Promise<Watched> {
  const made = await patient(() => post(`${api()}/v1/threads`, { id: thread }))
  expect([201, 409]).toContain(made.status)
  const [run, watcher] = [new Screen(), new Screen()]
  const log: any[] = []
  const signal = AbortSignal.timeout(WITHIN_MS)
  const body = { agent_id: 'default', thread_id: thread, messages: [{ role: 'user', content: `thread ${thread}` }] }
  const reports = await Promise.all([
    readThrough({
      url: proxy,
      path: '/v1/runs',
      post: { path: '/v1/runs', body, key: `run-of-${thread}` },
      take: (frame) => run.take(frame),
      signal,
    }),
    readThrough({ url: proxy, path: `/v1/threads/${thread}/stream?from=start`, take: (frame) => watcher.take(frame), signal }),
    readThrough({
      url: proxy,
      path: `/v1/threads/${thread}/events/stream`,
      take({ data }) {
        log.push(data)
        return data.kind === 'RunFinished' || data.kind === 'RunErrored'
      },
      signal,
    }),
  ])
  expect(signal.aborted, `${thread}: somebody waits for ever; log up to ${String(log.at(-1)?.kind)}`).toBe(false)
  const accepted = endpoint.accepted(thread)
  for (const [name, screen] of Object.entries({ run, watcher })) {
    const at = `${thread}, ${name}`
    expect(screen.end, at).toMatchObject({ event_type: 'run_finish', termination: { type: 'natural_end' } })
    expect(screen.text, at).toBe(accepted)
    expect(screen.end.result.response, at).toBe(accepted)
    expect(new Set(screen.ids).size, `${at}: no frame of the log twice`).toBe(screen.ids.length)
    expect(
      screen.kinds.filter((kind) => kind === 'tool_call_done'),
      at,
    ).toHaveLength(1)
  }
  checkLog(log)
  const stored = await patient(() => fetch(`${api()}/v1/threads/${thread}/events?limit=200`))
  expect(log, `${thread}: the log as it is`).toEqual(((await stored.json()) as { items: unknown[] }).items.slice(0, log.length))
  const attempts = log.filter(({ kind }) => kind === 'RunRescheduled').length + 1
  expect(attempts, `${thread}: an attempt has failed`).toBeGreaterThan(1)
  return { run_id: run.end.run_id, connections: reports.reduce((sum, { connections }) => sum + connections, 0), attempts }
}

function post(url: string, body: object): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
}

/** Asks again while nobody answers. */
async function patient(ask: () => Promise<Response>): Promise<Response> {
  for (const deadline = Date.now() + 30_000; ;) {
    const answer = await ask().catch(() => null)
    if (answer !== null && answer.status !== 503) return answer
    if (Date.now() > deadline) throw new Error('nobody answers')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

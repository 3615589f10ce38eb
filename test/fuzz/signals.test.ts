import { Connection } from '@temporalio/client'
import { temporal } from '@temporalio/proto'
import fc from 'fast-check'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Weft } from '../e2e/support/weft.ts'
import { anyCommand, mustBeRefused, type Sent } from './support/any-command.ts'
import { LONG, report, SEED } from './support/form.ts'

/** Signals, updates and queries past the HTTP layer, as anyone who reaches the Temporal server can send them. */
const CASES = LONG ? 10_000 : 400
const THREADS = LONG ? 8 : 4
const BATCH = 25
const weft = new Weft()
let connection: Connection
beforeAll(async () => {
  await weft.start()
  connection = await Connection.connect({ address: weft.temporal })
})
afterAll(async () => {
  await connection.close()
  weft.close()
})

test(
  'whatever is sent, the thread goes on and every refusal is in its log',
  { timeout: LONG ? 3_600_000 : 180_000 },
  async () => {
    const cases = fc.sample(anyCommand, { seed: SEED, numRuns: CASES })
    const counts = { signals: 0, updates: 0, queries: 0, refused: 0 }
    const share = Math.ceil(cases.length / THREADS)
    const threads = Array.from({ length: THREADS }, (_, index) => `fuzz-${String(index)}`)
    const lives = threads.map(async (thread, index) => {
      await weft.ask(thread, 'hello')
      const mine = cases.slice(index * share, (index + 1) * share)
      const seen: Seen = { cursor: '', refusals: new Map(), total: 0 }
      await readRefusals(thread, seen)
      for (let from = 0; from < mine.length; from += BATCH) {
        const batch = mine.slice(from, from + BATCH)
        const taken = await Promise.all(batch.map(async (one) => ((await send(thread, one)) ? [one] : [])))
        const signals = taken.flat().filter(({ way }) => way === 'signal')
        counts.signals += signals.length
        for (const { way } of batch) counts[way === 'update' ? 'updates' : 'queries'] += way === 'signal' ? 0 : 1
        // One that the server did not confirm may have come all the same.
        const most = batch.filter(({ way }) => way === 'signal').length
        counts.refused += await mustHaveSurvived(thread, { signals, most }, seen, `batch ${String(from)} of ${thread}`)
      }
    })
    const ends = await Promise.allSettled(lives)
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    report('signals', { cases: CASES, ...counts })
    await weft.checkLogs()
    for (const thread of threads) expect(await failedTasks(thread), thread).toEqual([])
  },
)

type Seen = { cursor: string; refusals: Map<string, number>; total: number }

/** A good message is answered, and what must have been refused stands in the log; how many refusals came. */
async function mustHaveSurvived(
  thread: string,
  sent: { signals: Sent[]; most: number },
  seen: Seen,
  where: string,
): Promise<number> {
  // What was sent may have left messages that wait behind something; a person would clear the queue like this.
  await weft.client.call('POST', `/v1/threads/${thread}/interrupt`, { queue: 'supersede' })
  const word = `still there after ${where}?`
  const { status, body } = await weft.ask(thread, word)
  expect({ where, status, body }).toMatchObject({ status: 200, body: { status: 'done' } })
  expect(body.final_output).toContain(word)
  const before = { refusals: new Map(seen.refusals), total: seen.total }
  await readRefusals(thread, seen)
  const wanted = new Map<string, number>()
  for (const one of sent.signals) {
    const code = mustBeRefused(one)
    if (code !== null) add(wanted, `${shown(one.name)} ${code}`)
  }
  for (const [key, count] of wanted) {
    const found = (seen.refusals.get(key) ?? 0) - (before.refusals.get(key) ?? 0)
    expect(found, `${where}: ${JSON.stringify(key)} in the log`).toBeGreaterThanOrEqual(count)
  }
  expect(seen.total - before.total, where).toBeLessThanOrEqual(sent.most)
  return seen.total - before.total
}

/** A name as the log has it: cut, and without what Postgres cannot keep. */
function shown(name: string): string {
  return name.slice(0, 64).toWellFormed().replaceAll('\u0000', '\ufffd')
}

async function readRefusals(thread: string, seen: Seen): Promise<void> {
  for (let more = true; more;) {
    const cursor = seen.cursor === '' ? '' : `&cursor=${encodeURIComponent(seen.cursor)}`
    const { status, body } = await weft.client.call(
      'GET',
      `/v1/threads/${thread}/events?limit=200&kinds=CommandRejected${cursor}`,
    )
    expect({ status, body }).toMatchObject({ status: 200 })
    for (const { payload } of body.items) {
      add(seen.refusals, `${payload.command as string} ${payload.code as string}`)
      seen.total += 1
    }
    seen.cursor = body.next_cursor
    more = body.has_more
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** True if the server took it; it refuses some by itself, such as texts that are no UTF-8. */
async function send(thread: string, { way, name, payloads }: Sent): Promise<boolean> {
  const workflowExecution = { workflowId: `default/${thread}` }
  const to = { namespace: 'default', workflowExecution }
  try {
    if (way === 'signal')
      await connection.workflowService.signalWorkflowExecution({
        ...to,
        signalName: name,
        input: { payloads },
        requestId: randomUUID(),
      })
    else if (way === 'query')
      await connection.workflowService.queryWorkflow({
        namespace: 'default',
        execution: workflowExecution,
        query: { queryType: name, queryArgs: { payloads } },
      })
    else
      await connection.workflowService.updateWorkflowExecution({
        ...to,
        request: { meta: { updateId: randomUUID() }, input: { name, args: { payloads } } },
        waitPolicy: { lifecycleStage: STAGE },
      })
    return true
  } catch {
    return false
  }
}
const STAGE = temporal.api.enums.v1.UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED

/** Workflow tasks that failed in any execution of the thread, but for those that only came too late to end it. */
async function failedTasks(thread: string): Promise<string[]> {
  const { executions } = await connection.workflowService.listWorkflowExecutions({
    namespace: 'default',
    query: `WorkflowId = 'default/${thread}'`,
  })
  const failed: string[] = []
  for (const { execution } of executions) {
    for (let nextPageToken: Uint8Array | undefined = undefined, more = true; more;) {
      const page: temporal.api.workflowservice.v1.IGetWorkflowExecutionHistoryResponse =
        await connection.workflowService.getWorkflowExecutionHistory({ namespace: 'default', execution, nextPageToken })
      for (const { workflowTaskFailedEventAttributes: found } of page.history?.events ?? []) {
        if (found !== null && found !== undefined && found.cause !== LATE) failed.push(JSON.stringify(found))
      }
      nextPageToken = page.nextPageToken ?? undefined
      more = nextPageToken !== undefined && nextPageToken.length > 0
    }
  }
  expect(executions.length).toBeGreaterThan(0)
  return failed
}
const LATE = temporal.api.enums.v1.WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND

import type { Client } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startSweep } from '../../src/temporal/sweep.ts'
import { checkLog } from '../support/check-log.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/** What has something to do and no workflow is woken by the sweep. */
let temporal: Awaited<ReturnType<typeof startTemporal>>
let engine: Engine
beforeAll(async () => {
  temporal = await startTemporal()
  engine = await startEngine({ address: temporal.address, cli: temporal.cli, timeout_ms: 30_000 })
})
afterAll(async () => {
  await engine.close()
  await temporal.remove()
})

/** The server's numbers for what a reset does not bring along. */
const [SIGNAL, UPDATE] = [1, 2]
const SILENT = { warn: () => undefined, info: () => undefined }
const user = (id: string) => ({ messages: [{ role: 'user' as const, content: id, id }] })
async function summary(thread: string) {
  const row = await engine.store.threads.get('default', thread)
  if (row === null || row === 'deleted') throw new Error('the thread is not there')
  return row
}
/** A thread without an open run and with this behind it in its queue, whose workflow is then lost. */
async function lose(thread: string, prepare: (run_id: string) => Promise<void>): Promise<string> {
  const run_id = await engine.say(thread, '/slow 20000 a b c')
  const next = await engine.say(thread, 'later', user('later'))
  await prepare(run_id)
  await engine.run(run_id)
  const last = await eventually(async () => {
    const view = (await engine.client.workflow.getHandle(`default/${thread}`).query('thread')) as { unstored_events: number }
    return view.unstored_events === 0 ? await summary(thread) : undefined
  })
  expect(last.status).toBe('idle')
  expect(await engine.store.conversation.listPending(engine.ref(thread))).toHaveLength(1)
  await engine.client.workflow.getHandle(`default/${thread}`).terminate('lost')
  return next
}

describe('the sweep', () => {
  test('wakes a thread that only waits for the end of a hold, and leaves one that is parked', async () => {
    const HOLD_MS = 10_000
    const held = await lose('held', async (run_id) => {
      await engine.send('held', { type: 'hold_pending', pending_id: 'later', ttl_ms: HOLD_MS })
      await engine.send('held', { type: 'cancel', run_id })
    })
    const kept = await lose('kept', async () => {
      await engine.send('kept', { type: 'interrupt', mode: 'graceful', queue: 'park' })
    })
    const woken: number[] = []
    const log = { warn: () => undefined, info: (facts: object) => void woken.push((facts as { threads: number }).threads) }
    const stop = startSweep({ store: engine.store, client: engine.client, interval_ms: 200, log })
    try {
      const ended = await engine.run(held)
      expect(ended).toMatchObject({ final_output: 'You said: later', termination: { type: 'natural_end' } })
      const events = await engine.log('held')
      const hold = events.find(({ kind }) => kind === 'PendingHeld')
      const started = events.find(({ kind, run_id }) => kind === 'RunStarted' && run_id === held)
      expect((started?.occurred_at ?? 0) - (hold?.occurred_at ?? 0)).toBeGreaterThanOrEqual(HOLD_MS)
      checkLog(events)
    } finally {
      await stop()
    }
    expect(woken).toEqual([1])
    expect(await engine.store.conversation.getRun('default', kept)).toMatchObject({ status: 'created' })
    expect(await summary('kept')).toMatchObject({ parked: true })
    const { status } = await engine.client.workflow.getHandle('default/kept').describe()
    expect(status.name).toBe('TERMINATED')
    // Whoever lets it go on starts it again.
    await engine.send('kept', { type: 'resume_queue' })
    expect(await engine.run(kept)).toMatchObject({ termination: { type: 'natural_end' } })
  }, 60_000)

  test('tells a thread that the store is ahead of it: a task was lost with the command that it had stored', async () => {
    const first = { type: 'submit', mode: 'queue', command_id: 'first', ...user('first') } as const
    await engine.send('behind', first)
    await eventually(async () => ((await summary('behind')).message_count === 2 ? true : undefined))
    // A task that stores nothing, to begin again from.
    await engine.send('behind', first)
    const { events } = await engine.client.workflow.getHandle('default/behind').fetchHistory()
    const last = events?.findLast(({ workflowTaskCompletedEventAttributes: completed }) => completed != null)
    const run_id = await engine.say('behind', '/slow 60000 a b')
    await eventually(async () => ((await summary('behind')).status === 'running' ? true : undefined))
    const { resetWorkflowExecution } = engine.client.workflowService
    await resetWorkflowExecution.call(engine.client.workflowService, {
      namespace: 'default',
      workflowExecution: { workflowId: 'default/behind' },
      reason: 'test',
      requestId: 'behind',
      workflowTaskFinishEventId: last?.eventId ?? null,
      resetReapplyExcludeTypes: [SIGNAL, UPDATE],
    })
    const handle = engine.client.workflow.getHandle('default/behind')
    expect(await handle.query('thread')).toMatchObject({ status: 'idle' })
    const stop = startSweep({ store: engine.store, client: engine.client, interval_ms: 200, log: SILENT })
    try {
      await eventually(async () => {
        const view = (await handle.query('thread')) as { active_run_id?: string }
        return view.active_run_id === run_id ? true : undefined
      }, 20_000)
      await engine.send('behind', { type: 'interrupt', mode: 'graceful', queue: 'keep' })
      expect((await engine.run(run_id)).termination?.type).toBe('cancelled')
      checkLog(await engine.log('behind'))
    } finally {
      await stop()
    }
  }, 60_000)
})

describe('of all sweeps', () => {
  const INTERVAL_MS = 200
  /** A sweep that counts its looks at all open threads and whom it asks for; `waited_ms` is put on top of what a thread has waited. */
  function startCounted(waited_ms = 0) {
    const counted = { looks: 0, asked: [] as string[] }
    const { threads } = engine.store
    const listOpen: typeof threads.listOpen = async (query) => {
      counted.looks += 1
      const rows = await threads.listOpen(query)
      return query.after === undefined ? rows.map((row) => ({ ...row, updated_at: row.updated_at - waited_ms })) : rows
    }
    const service = engine.client.workflowService
    const describeWorkflowExecution = (request: Parameters<typeof service.describeWorkflowExecution>[0]): unknown => {
      counted.asked.push(request.execution?.workflowId ?? '')
      return service.describeWorkflowExecution(request)
    }
    const workflowService: unknown = Object.assign(Object.create(service), { describeWorkflowExecution })
    const client = Object.defineProperty(Object.create(engine.client) as Client, 'workflowService', { value: workflowService })
    const store = { ...engine.store, threads: { ...threads, listOpen } }
    return { counted, stop: startSweep({ store, client, interval_ms: INTERVAL_MS, log: SILENT }) }
  }

  test('one looks, and another once that one is gone', async () => {
    const sweeps = [startCounted(), startCounted()]
    try {
      const [one, other] = await eventually(() => {
        const sorted = sweeps.toSorted((a, b) => b.counted.looks - a.counted.looks)
        return (sorted[0]?.counted.looks ?? 0) >= 30 ? sorted : undefined
      })
      // Each looks as it begins; after that the other has only what the one has missed on a busy machine.
      expect(other?.counted.looks).toBeLessThanOrEqual(15)
      await one?.stop()
      await eventually(() => ((other?.counted.looks ?? 0) >= 10 ? true : undefined))
    } finally {
      await Promise.all(sweeps.map(({ stop }) => stop()))
    }
  })

  test('a thread that has waited for long is asked for again after a tenth of that time', async () => {
    const run_id = await engine.say('patient', '/tool send_email {"to":"a@example.org","subject":"s"}')
    await engine.run(run_id, ({ status }) => status === 'waiting')
    const hour = startCounted(3_600_000)
    const none = (): number => hour.counted.asked.filter((id) => id === 'default/patient').length
    try {
      await eventually(() => (none() > 0 && hour.counted.looks >= 60 ? true : undefined))
      expect(none()).toBe(1)
    } finally {
      await hour.stop()
    }
    const short = startCounted()
    try {
      await eventually(() => (short.counted.asked.filter((id) => id === 'default/patient').length >= 3 ? true : undefined))
    } finally {
      await short.stop()
    }
  })
})

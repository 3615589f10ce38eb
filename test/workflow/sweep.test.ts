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

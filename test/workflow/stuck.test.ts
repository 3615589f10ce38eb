import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startSweep } from '../../src/temporal/sweep.ts'
import { bundleThreadWorkflow } from '../../src/temporal/workflow-bundle.ts'
import type { RunRecord } from '../../src/thread/records.ts'
import { SABOTAGE, sabotaged } from '../replay/support/sabotage.ts'
import { checkLog } from '../support/check-log.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/** Threads whose history does not replay: here since other code than that which made it takes over. */
let server: Awaited<ReturnType<typeof startTemporal>>
beforeAll(async () => {
  server = await startTemporal()
})
afterAll(async () => {
  await server.remove()
})

/**
 * A worker with this checkout's code lives first, then one with code that no history of before agrees with; it has what
 * the first part returned.
 */
async function takenOver<T>(
  queue: string,
  first: (engine: Engine) => Promise<T>,
  then: (engine: Engine, was: T) => Promise<void>,
) {
  const change = SABOTAGE.find(({ what }) => what === 'operators are told nothing')
  if (change === undefined) throw new Error('there is no such change')
  const common = { address: server.address, cli: server.cli, task_queue: queue }
  const before = await startEngine(common)
  try {
    const was = await first(before)
    await before.stopWorker()
    const workflow_code = sabotaged(await bundleThreadWorkflow(), change)
    const after = await startEngine({ ...common, store: before.store, workflow_code })
    try {
      await then(after, was)
    } finally {
      await after.close()
    }
  } finally {
    await before.close()
  }
}

/** A run that waits for an approval. */
async function waiting(engine: Engine, thread: string): Promise<RunRecord> {
  const run_id = await engine.say(thread, '/tool send_email {"to":"a@example.org","subject":"s"}')
  return engine.run(run_id, ({ status }) => status === 'waiting')
}

describe('a thread whose history does not replay', () => {
  test('is freed by the next command, which is applied once', async () => {
    await takenOver(
      'by-command',
      (before) => waiting(before, 'asked'),
      async (engine, { run_id, waiting: asks }) => {
        const tool_call_id = asks?.tickets[0]?.tool_call_id ?? ''
        await engine.send('asked', { type: 'decision', action: 'resume', tool_call_id })
        expect((await engine.run(run_id)).termination).toEqual({ type: 'natural_end' })
        const log = await engine.log('asked')
        checkLog(log)
        expect(log.filter(({ kind }) => kind === 'MailboxDecisionReceived')).toHaveLength(1)
        expect(log.filter(({ kind }) => kind === 'ToolCallDone')).toHaveLength(1)
      },
    )
  }, 60_000)

  test('does not do now what it had refused before', async () => {
    await takenOver(
      'by-refusal',
      async (before) => {
        const refused = { ok: false, rejection: { code: 'nothing_to_interrupt' } }
        await before.run(await before.say('refused', 'hello'))
        const interrupt = { type: 'interrupt', mode: 'graceful', queue: 'keep' } as const
        expect(await before.gateway.send(before.ref('refused'), interrupt)).toMatchObject(refused)
        return waiting(before, 'refused')
      },
      async (engine, { run_id }) => {
        // Whatever wakes it: the engine brings the interrupt once more, and a run is open now.
        await engine.send('refused', { type: 'wake' })
        expect(await engine.run(run_id, ({ status }) => status !== 'running')).toMatchObject({ status: 'waiting' })
        checkLog(await engine.log('refused'))
      },
    )
  }, 60_000)

  test('is found also where the first try of its task was lost with its worker', async () => {
    await takenOver(
      'by-nudge',
      async (before) => {
        const { run_id } = await waiting(before, 'silent')
        await before.stopWorker()
        // A worker that takes the first try, and dies.
        void before.send('silent', { type: 'cancel', run_id }).catch(() => undefined)
        const { client } = before
        const queue = { namespace: client.options.namespace, taskQueue: { name: 'by-nudge' } }
        const task = await client.withDeadline(Date.now() + 30_000, () => client.workflowService.pollWorkflowTaskQueue(queue))
        expect(task.workflowExecution?.workflowId).toBe('default/silent')
        return run_id
      },
      async (engine, run_id) => {
        await eventually(async () => {
          await engine.gateway.send(engine.ref('silent'), { type: 'cancel', run_id }).catch(() => undefined)
          return (await engine.store.conversation.getRun('default', run_id))?.status === 'done' ? true : undefined
        }, 60_000)
        checkLog(await engine.log('silent'))
      },
    )
  }, 120_000)

  test('keeps what it was sent by the command line meanwhile', async () => {
    await takenOver(
      'by-signal',
      async (before) => before.run(await before.say('signalled', 'hello')),
      async (engine) => {
        const handle = engine.client.workflow.getHandle('default/signalled')
        await handle.signal('submit', { mode: 'queue', messages: [{ role: 'user', content: 'by signal' }] })
        await eventually(async () => {
          const { raw } = await handle.describe()
          return (raw.pendingWorkflowTask?.attempt ?? 0) > 1 ? true : undefined
        })
        await engine.run(await engine.say('signalled', 'by update'))
        checkLog(await engine.log('signalled'))
        const said = (await engine.messages('signalled')).filter(({ role }) => role === 'user').map(({ content }) => content)
        expect(said.sort()).toEqual(['by signal', 'by update', 'hello'])
      },
    )
  }, 60_000)

  test('is freed by the sweep where it has something to do', async () => {
    await takenOver(
      'by-sweep',
      async (before) => {
        const run_id = await before.say('alone', '/slow 20000\none two three')
        return before.run(run_id, ({ status }) => status === 'running')
      },
      async (engine, { run_id }) => {
        const stop = startSweep({
          ...{ store: engine.store, client: engine.client, interval_ms: 500, task_queue: 'by-sweep' },
          log: { warn: () => undefined, info: () => undefined },
        })
        try {
          // The step was begun by a worker that is gone; whoever takes it over begins it anew.
          const attempts = async (): Promise<number> =>
            (await engine.log('alone')).filter(({ kind, run_id: of }) => kind === 'RunRescheduled' && of === run_id).length
          await eventually(async () => ((await attempts()) > 0 ? true : undefined), 40_000)
          await engine.send('alone', { type: 'interrupt', mode: 'graceful', queue: 'keep' })
          expect((await engine.run(run_id)).termination).toEqual({ type: 'cancelled' })
          checkLog(await engine.log('alone'))
        } finally {
          await stop()
        }
      },
    )
  }, 90_000)

  test('costs time and nothing else where threads are asked again and again', async () => {
    const engine = await startEngine({
      ...{ address: server.address, cli: server.cli, task_queue: 'asked', settings: { continue_as_new_every: 4 } },
    })
    try {
      const threads = ['pestered-0', 'pestered-1', 'pestered-2']
      let asked = 0
      await Promise.all(
        threads.map(async (thread) => {
          let over = false
          const handle = engine.client.workflow.getHandle(`default/${thread}`)
          // While it is stuck it does not answer, and at first it is not there.
          const pester = async (): Promise<void> => {
            while (!over)
              await handle.query('thread').then(
                () => (asked += 1),
                () => undefined,
              )
          }
          const live = async (): Promise<void> => {
            for (let round = 0; round < 3; round++) {
              await engine.run(await engine.say(thread, '/tool get_weather {"city":"Oslo"}'))
              await engine.say(thread, 'one')
              await engine.run(await engine.say(thread, 'two'))
            }
          }
          await Promise.all([live().finally(() => (over = true)), pester(), pester()])
        }),
      )
      expect(asked).toBeGreaterThan(30)
      for (const thread of threads) checkLog(await engine.log(thread))
    } finally {
      await engine.close()
    }
  }, 120_000)
})

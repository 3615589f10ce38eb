import { startReceiver } from '../../support/receiver.ts'
import { eventually } from '../../support/engine.ts'
import { createReconciler } from '../../../src/temporal/reconciler.ts'
import { EMAIL, type Behaviours, type Stage } from '../support/stage.ts'

/** A webhook of this name that is told of ended runs, and the workflow that tells it. */
async function hook(s: Stage, failures: number) {
  const receiver = await startReceiver((_told, n) => ({ status: n <= failures ? 503 : 200 }))
  const { url, secret } = receiver
  const row = { tenant: 'default', id: s.thread, url, secret, kinds: ['RunFinished' as const], description: null, created_at: 0 }
  if ((await s.engine.store.webhooks.create(row, 100)) === null) throw new Error('too many webhooks')
  const wake = (): Promise<unknown> =>
    s.engine.client.workflow.signalWithStart('webhook', {
      workflowId: `webhook:${s.thread}`,
      taskQueue: 'weft',
      args: [{ webhook_id: s.thread }],
      signal: 'wake',
      signalArgs: [],
    })
  const told = (n: number): Promise<unknown> => eventually(() => (receiver.told.length >= n ? true : undefined))
  const close = async (): Promise<void> => {
    await s.engine.store.webhooks.remove('default', s.thread)
    await receiver.close()
  }
  const ended = async (): Promise<void> => {
    await eventually(async () => {
      const { status } = await s.engine.client.workflow.getHandle(`webhook:${s.thread}`).describe()
      return status.name === 'COMPLETED' ? true : undefined
    })
  }
  s.workflows.splice(0, 1, `webhook:${s.thread}`)
  return { wake, told, close, ended }
}

async function repaired(s: Stage, thread_id?: string): Promise<void> {
  const reconciler = createReconciler(s.engine.client)
  const { id } = await reconciler.start('default', thread_id)
  await eventually(async () => ((await reconciler.status('default', id))?.status === 'done' ? true : undefined))
}

/** The workflows that are no threads. */
export const others: Behaviours = {
  'a-webhook-is-told': {
    alone: true,
    play: async (s) => {
      const { wake, told, close, ended } = await hook(s, 0)
      await s.run('hello')
      await wake()
      await told(1)
      await ended()
      await close()
    },
  },
  'a-webhook-is-told-again-and-woken': {
    alone: true,
    play: async (s) => {
      const { wake, told, close, ended } = await hook(s, 2)
      await s.run('hello')
      await wake()
      await told(1)
      await s.run('more')
      await wake()
      await told(4)
      await ended()
      await close()
    },
  },
  'a-webhook-that-is-gone': {
    alone: true,
    play: async (s) => {
      const { wake, close, ended } = await hook(s, 0)
      await close()
      await wake()
      await ended()
    },
  },
  'a-repair-of-one-thread': {
    alone: true,
    play: async (s) => {
      await s.run('hello')
      await repaired(s, s.thread)
      s.workflows.splice(0, 1, 'reconcile:default')
    },
  },
  'a-repair-of-everything': {
    alone: true,
    play: async (s) => {
      const { run_id, call } = await s.waits(EMAIL)
      await s.handle.terminate('lost')
      const handle = await s.engine.client.workflow.start('reconcileAll', {
        workflowId: 'reconcile',
        taskQueue: 'weft',
        args: [],
      })
      await handle.result()
      const repair = s.engine.client.workflow.getHandle('reconcile:default')
      await eventually(async () => ((await repair.describe()).status.name === 'COMPLETED' ? true : undefined)).catch(async () => {
        const { pendingActivities } = (await repair.describe()).raw
        throw new Error(`the repair does not end: ${JSON.stringify(pendingActivities)}`)
      })
      await s.decide(call)
      await s.ends(run_id)
      s.workflows.push('reconcile', 'reconcile:default')
    },
  },
}

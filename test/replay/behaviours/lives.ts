import { eventually } from '../../support/engine.ts'
import { EMAIL, type Behaviours, type Stage } from '../support/stage.ts'

const user = (content: string) => ({ role: 'user' as const, content })
const reset = async (s: Stage, type: string): Promise<void> => {
  await s.engine.cli('workflow', 'reset', '--workflow-id', `default/${s.thread}`, '--type', type, '--reason', 'a test')
}
/** The store keeps all that the thread knows. */
const atRest = (s: Stage): Promise<boolean> =>
  eventually(async () => {
    const { unstored_events } = await s.handle.query<{ unstored_events: number }>('thread')
    return unstored_events === 0 ? true : undefined
  })

/** What outlives an execution. */
export const lives: Behaviours = {
  'begun-in-the-store': async (s) => {
    await s.ends(await s.engine.begin(s.thread, 'hello'))
    await s.run('and again')
  },
  'begun-in-the-store-and-reset': async (s) => {
    const run_id = await s.engine.begin(s.thread, EMAIL)
    await s.tickets(run_id)
    await reset(s, 'FirstWorkflowTask')
    await s.decide((await s.tickets(run_id))[0] ?? '')
    await s.ends(run_id)
  },
  'idle-and-back': {
    settings: { idle_close_ms: 300 },
    play: async (s) => {
      await s.run('hello')
      await s.closed()
      await s.run('remember me?')
      await s.closed()
    },
  },
  'not-idle-while-a-message-is-held': {
    settings: { idle_close_ms: 200 },
    play: async (s) => {
      const run = await s.busy()
      const later = await s.say('held')
      await s.send({ type: 'hold_pending', pending_id: (await s.pending()).pending_id, ttl_ms: 1_200 })
      s.open()
      await s.ends(run)
      await s.ends(later)
      await s.closed()
    },
  },
  'continued-as-new-under-load': {
    settings: { continue_as_new_every: 8 },
    play: async (s) => {
      await s.say('first')
      const clients = Array.from({ length: 4 }, async (_, client) => {
        for (let i = 0; i < 8; i++) {
          const command_id = `${String(client)}-${String(i)}`
          if (i % 2 === 0) await s.say(command_id, { command_id })
          else await s.handle.signal('submit', { command_id, messages: [user(command_id)] })
        }
      })
      await Promise.all(clients)
      await s.logged('MessageCommitted', 34)
    },
  },
  'continued-as-new-with-a-queue': {
    settings: { continue_as_new_every: 3 },
    play: async (s) => {
      const { run_id, call } = await s.waits()
      const runs = []
      for (const text of ['a', 'b', 'c', 'd'])
        runs.push(
          await s.say(text, { delivery: { boundary: 'new_run', granularity: 'one', barrier: false, fallback_to_new_run: true } }),
        )
      await s.decide(call)
      await s.ends(run_id)
      for (const id of runs) await s.ends(id)
    },
  },
  'continued-as-new-while-waiting': {
    settings: { continue_as_new_every: 2 },
    play: async (s) => {
      await s.run('hello')
      const { run_id, call } = await s.waits()
      await s.send({ type: 'wake' })
      await s.send({ type: 'wake' })
      await s.decide(call)
      await s.ends(run_id)
    },
  },
  'terminated-while-a-model-writes': async (s) => {
    const run = await s.say('/slow 1500\none two three')
    await s.world.reached(`model/${s.thread}`)
    await s.logged('RunStarted')
    await s.handle.terminate('a test')
    await s.send({ type: 'wake' })
    await s.ends(run)
    await s.logged('RunRescheduled')
  },
  'terminated-while-a-tool-runs': async (s) => {
    const run = await s.busy('/tool gate {}\n/tool stubborn {}')
    await s.logged('ToolCallReady', 2)
    await s.handle.terminate('a test')
    await s.send({ type: 'wake' })
    await s.logged('ToolPermissionRequested')
    await eventually(async () => {
      s.open()
      const found = await s.engine.store.conversation.getRun('default', run)
      return found?.status === 'waiting' ? true : undefined
    })
    const [call = ''] = await s.tickets(run)
    await s.decide(call, { action: 'cancel' })
    await s.ends(run)
  },
  'terminated-while-waiting': async (s) => {
    const { run_id, call } = await s.waits()
    await s.handle.terminate('a test')
    await s.decide(call)
    await s.ends(run_id)
  },
  'terminated-with-a-queue': async (s) => {
    const run = await s.busy()
    const later = await s.say('later')
    await atRest(s)
    await s.handle.terminate('a test')
    await s.send({ type: 'wake' })
    await eventually(() => {
      s.open()
      return s.engine.store.conversation.getRun('default', run).then((found) => (found?.status === 'done' ? true : undefined))
    })
    await s.ends(later)
  },
  'reset-to-its-beginning': async (s) => {
    await s.run('one')
    await s.run('two')
    await reset(s, 'FirstWorkflowTask')
    await s.run('three')
  },
  'reset-to-its-last-task': async (s) => {
    const { run_id, call } = await s.waits()
    await reset(s, 'LastWorkflowTask')
    await s.decide(call)
    await s.ends(run_id)
  },
  'signals-before-the-first-task': {
    alone: true,
    play: async (s) => {
      await s.engine.stopWorker()
      const start = { taskQueue: 'weft', workflowId: `default/${s.thread}`, args: [], signal: 'interrupt', signalArgs: [{}] }
      await s.engine.client.workflow.signalWithStart('thread', start)
      await s.handle.signal('submit', { messages: [user('hello')] })
      await s.handle.signal('no_such_command', 1)
      await s.engine.startWorker()
      await s.logged('RunFinished')
      await s.logged('CommandRejected', 2)
    },
  },
  'another-worker': {
    alone: true,
    play: async (s) => {
      const { run_id, call } = await s.waits()
      await s.engine.stopWorker()
      await s.engine.startWorker()
      await s.decide(call)
      await s.ends(run_id)
      const slow = await s.writing()
      await s.engine.stopWorker()
      await s.engine.startWorker()
      await s.send({ type: 'interrupt', mode: 'graceful', queue: 'keep' })
      await s.ends(slow, 'cancelled')
    },
  },
  'a-thread-that-is-deleted': async (s) => {
    await s.run('hello')
    await s.engine.store.threads.delete('default', s.thread, 'detach')
    await s.handle.terminate('deleted')
    await s.refused('thread_deleted', { type: 'submit', mode: 'queue', messages: [user('x')] })
    await s.closed()
  },
  'deleted-while-it-lives': async (s) => {
    await s.run('hello')
    await s.engine.store.threads.delete('default', s.thread, 'detach')
    await s.answer({ type: 'submit', mode: 'queue', messages: [user('x')] })
    await s.closed()
  },
  'woken-for-nothing': async (s) => {
    await s.send({ type: 'wake' })
    await s.handle.signal('wake')
    await s.run('hello')
  },
  'a-fork': async (s) => {
    const source = `${s.thread}-source`
    await s.engine.run(await s.engine.say(source, 'one'))
    await s.engine.run(await s.engine.say(source, EMAIL.replace(/\/tool.*/, 'two')))
    const { status } = await s.engine.store.threads.fork('default', source, 3, { id: s.thread })
    if (status !== 'created') throw new Error(`the fork is ${status}`)
    await s.run('three')
    s.workflows.push(`default/${source}`)
  },
  'asked-about-itself': async (s) => {
    const { run_id, call } = await s.waits()
    for (const query of ['thread', 'active_run', 'pending', 'snapshot', '__temporal_workflow_metadata'])
      await s.handle.query(query)
    await s.decide(call)
    await s.ends(run_id)
    for (const query of ['thread', 'active_run', 'pending', 'snapshot']) await s.handle.query(query)
  },
}

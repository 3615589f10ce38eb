import { ASK, EMAIL, type Behaviours } from '../support/stage.ts'

const user = (content: string, id?: string) => ({ role: 'user' as const, content, ...(id === undefined ? {} : { id }) })

/** Every mode of a submit, to a thread that is idle, runs or waits. */
export const submit: Behaviours = {
  'plain-run': async (s) => void (await s.run('hello')),
  'two-runs': async (s) => {
    await s.run('one')
    await s.run('/think hm\ntwo')
  },
  'queue-while-running': async (s) => {
    const first = await s.busy()
    const second = await s.say('second')
    s.open()
    await s.ends(first)
    await s.ends(second)
  },
  'queue-while-waiting': async (s) => {
    const { run_id } = await s.waits()
    await s.say('never mind')
    await s.ends(run_id)
  },
  'foreground-idle': async (s) => void (await s.run('now', { mode: 'foreground' })),
  'foreground-while-a-model-writes': async (s) => {
    const first = await s.writing()
    await s.run('instead', { mode: 'foreground' })
    await s.ends(first, 'cancelled')
  },
  'foreground-while-waiting': async (s) => {
    const { run_id } = await s.waits(ASK)
    await s.say('this one', { mode: 'foreground' })
    await s.ends(run_id)
  },
  'foreground-supersedes-the-queue': async (s) => {
    const first = await s.busy()
    const queued = await s.say('queued')
    await s.run('instead', { mode: 'foreground', queue: 'supersede' })
    await s.ends(first, 'cancelled')
    await s.ends(queued, 'superseded')
  },
  'foreground-parks-the-queue': async (s) => {
    const first = await s.busy()
    const queued = await s.say('queued')
    await s.run('instead', { mode: 'foreground', queue: 'park' })
    await s.ends(first, 'cancelled')
    await s.send({ type: 'resume_queue' })
    await s.ends(queued)
  },
  'steer-while-running': async (s) => {
    const first = await s.busy()
    await s.say('and this', { mode: 'live_then_queue' })
    s.open()
    await s.ends(first)
  },
  'steer-idle': async (s) => void (await s.run('hello', { mode: 'live_then_queue' })),
  'steer-by-run': async (s) => {
    const first = await s.busy()
    await s.say('and this', { mode: 'live_then_queue', run_id: first })
    const other = { mode: 'live_then_queue' as const, run_id: first, agent_id: 'other' }
    await s.refused('agent_conflict', { type: 'submit', ...other, messages: [user('no')] })
    s.open()
    await s.ends(first)
  },
  'interrupt-then-queue-while-running': async (s) => {
    const first = await s.writing()
    const kept = await s.say('kept')
    await s.run('first of all', { mode: 'interrupt_then_queue' })
    await s.ends(first, 'cancelled')
    await s.ends(kept)
  },
  'interrupt-then-queue-while-waiting': async (s) => {
    const { run_id } = await s.waits()
    await s.run('instead', { mode: 'interrupt_then_queue' })
    await s.ends(run_id, 'cancelled')
  },
  'resume-open-run': async (s) => {
    const first = await s.busy()
    await s.say('more', { mode: 'resume_open_run' })
    s.open()
    await s.ends(first)
    const { run_id } = await s.waits()
    await s.say('go on', { mode: 'resume_open_run' })
    await s.ends(run_id)
  },
  'resume-open-run-without-one': async (s) => {
    await s.run('hello')
    const answer = await s.answer({ type: 'submit', mode: 'resume_open_run', messages: [user('nobody')] })
    if (answer.ok) throw new Error('there is no open run')
  },
  'internal-wake': async (s) => {
    await s.send({
      type: 'submit',
      mode: 'internal_wake',
      messages: [{ ...user('time passed'), visibility: 'internal' }],
    })
    await s.logged('RunFinished')
  },
  'durable-twice': async (s) => {
    const more = { durable: true, messages: [user('once', 'm-once')] }
    const run_id = await s.run('', more)
    if ((await s.say('', { ...more, command_id: 'again' })) !== run_id) throw new Error('a repeat is the same run')
  },
  'durable-while-running': async (s) => {
    const first = await s.busy()
    const second = await s.say('', { durable: true, messages: [user('later', 'm-later')] })
    s.open()
    await s.ends(first)
    await s.ends(second)
  },
  'several-messages-with-metadata': async (s) => {
    await s.run('', {
      messages: [{ role: 'system', content: 'be brief' }, user('one'), user('two', 'm-two')],
      metadata: { from: 'a test' },
      transport_request_id: 'request-1',
      parent_run_id: 'run-0',
    })
  },
  overrides: async (s) => {
    const first = await s.busy()
    const limited = await s.say('/loop 5', { overrides: { max_steps: 2, model: 'scripted' } })
    const plain = await s.say('plain')
    s.open()
    await s.ends(first)
    await s.ends(limited, 'stopped')
    await s.ends(plain)
  },
  'another-agent': async (s) => {
    const first = await s.busy()
    const other = await s.say('for another', { agent_id: 'other' })
    s.open()
    await s.ends(first)
    await s.ends(other)
  },
  'an-unknown-agent': async (s) => {
    const run_id = await s.say('hello', { agent_id: 'nobody' })
    await s.engine.run(run_id)
  },
  'command-ids': async (s) => {
    const first = await s.run('hello', { command_id: 'c1' })
    if ((await s.say('hello', { command_id: 'c1' })) !== first) throw new Error('a repeat has the first answer')
    await s.refused('idempotency_conflict', { type: 'submit', mode: 'queue', command_id: 'c1', messages: [user('other')] })
  },
  'by-signal': async (s) => {
    await s.run('hello')
    await s.handle.signal('submit', { messages: [user('by signal')], by: { id: 'ada', name: 'Ada' } })
    await s.logged('RunFinished', 2)
  },
  'rapid-submits': async (s) => {
    const runs = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((text) => s.say(text)))
    for (const run of runs) await s.engine.run(run)
    await s.run(EMAIL.replace('/tool send_email', '/tool get_weather').replace(/\{.*\}/, '{"city":"Oslo"}'))
  },
}

import type { Behaviours, Stage } from '../support/stage.ts'

/** A worker that dies is noticed by its silence. */
const impatient = { heartbeat_timeout_ms: 1_000 }
const tool = (name: string, args: object = {}): string => `/tool ${name} ${JSON.stringify(args)}`
const lost = async (s: Stage, more: object): Promise<void> => {
  const { run_id, call } = await s.waits(tool('vanish'))
  await s.decide(call, more)
  await s.ends(run_id)
}

/** Tools that succeed, fail, are lost, and do things to their thread. */
export const tools: Behaviours = {
  'tools-side-by-side': async (s) =>
    void (await s.run([tool('get_weather', { city: 'Oslo' }), tool('sleep', { ms: 30 }), tool('large')].join('\n'))),
  'many-steps': async (s) => void (await s.run('/loop 5')),
  'a-tool-that-throws': async (s) => void (await s.run(`${tool('break')}\n${tool('get_weather', { city: 'Rome' })}`)),
  'a-tool-that-is-too-slow': async (s) => void (await s.run(tool('late'))),
  'calls-that-cannot-run': async (s) =>
    void (await s.run([tool('no_such_tool'), tool('get_weather', { town: 1 }), '/tool sleep no json'].join('\n'))),
  'a-lost-tool-is-repeated': { settings: impatient, play: async (s) => void (await s.run(tool('vanish_once'))) },
  'a-lost-tool-is-asked-about': { settings: impatient, play: (s) => lost(s, { payload: { result: { it: 'was done' } } }) },
  'a-lost-tool-is-given-up': { settings: impatient, play: (s) => lost(s, { action: 'cancel', reason: 'nobody knows' }) },
  'a-tool-that-says-something': async (s) => {
    await s.run(tool('remind', { text: 'look again' }))
    await s.logged('PendingDelivered')
  },
  'a-tool-that-speaks-at-the-end': async (s) =>
    void (await s.run(tool('remind', { text: 'before you go', boundary: 'on_natural_end' }))),
  'a-tool-that-keeps-something': async (s) => {
    await s.run(`${tool('remember', { key: 'a', value: 1 })}\n${tool('remember', { key: 'b', value: 'x' })}`)
    await s.run(tool('remember', { key: 'a', value: null }))
    await s.logged('ThreadUpdated', 3)
  },
  'a-steer-between-tools': async (s) => {
    const run = await s.busy('/tool gate {}\n/tool get_weather {"city":"Oslo"}')
    await s.logged('ToolCallDone')
    await s.say('hurry', { mode: 'live_then_queue' })
    s.open()
    await s.ends(run)
  },
}

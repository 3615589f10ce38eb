import type { Behaviours } from '../support/stage.ts'

/** Model calls that fail, are lost or come to a limit. */
export const model: Behaviours = {
  'retried-and-answered': async (s) => {
    await s.run('/fail 2 503\nhello')
    await s.logged('RunRescheduled', 2)
  },
  'a-dead-letter': async (s) => {
    await s.run('/fail 9 503', {}, 'error')
    await s.run('again')
  },
  'not-retried': async (s) => void (await s.run('/fail 9 401', {}, 'error')),
  'failed-beside-a-queue': async (s) => {
    const run = await s.say('/fail 9 429\nx')
    await s.logged('RunRescheduled')
    const next = await s.say('next')
    await s.ends(run, 'error')
    await s.ends(next)
  },
  'a-model-step-is-lost': {
    settings: { heartbeat_timeout_ms: 1_000 },
    play: async (s) => {
      s.world.fault(s.thread, { model_lost: 1 })
      await s.run('hello')
      await s.logged('RunRescheduled')
    },
  },
  'a-steer-between-attempts': async (s) => {
    const run = await s.say('/fail 3 503\nhello')
    await s.logged('RunRescheduled')
    await s.say('and this', { mode: 'live_then_queue' })
    await s.ends(run)
  },
  'limited-steps': async (s) => void (await s.run('/loop 9', { overrides: { max_steps: 3 } }, 'stopped')),
  'limited-tokens': async (s) => void (await s.run('/loop 9', { overrides: { token_budget: 20 } }, 'stopped')),
  'a-deadline-while-a-model-writes': async (s) =>
    void (await s.run('/slow 60000\none two', { overrides: { deadline_ms: 700 } }, 'stopped')),
  'a-deadline-while-a-tool-runs': async (s) =>
    void (await s.run('/tool sleep {"ms":60000}', { overrides: { deadline_ms: 700 } }, 'stopped')),
  'a-deadline-while-waiting': async (s) => {
    await s.run('/tool ask_user {"question":"?"}', { overrides: { deadline_ms: 700 } }, 'stopped')
    await s.run('again')
  },
}

import { Backup } from '../support/backup.ts'
import type { Behaviours } from '../support/stage.ts'

const user = (content: string) => ({ role: 'user' as const, content })

/** A store that is away, answers too late, belongs to another life, or was set back. */
export const store: Behaviours = {
  'the-store-is-away-for-a-moment': async (s) => {
    await s.run('hello')
    s.world.fault(s.thread, { persist_away: true })
    const run = await s.say('while it is away')
    await s.say('and another')
    await new Promise((resolve) => setTimeout(resolve, 1_200)) // the patient way has tried more than once
    s.world.fault(s.thread, { persist_away: false })
    await s.ends(run)
    await s.run('back again')
  },
  'the-store-is-away-when-a-thread-is-loaded': {
    settings: { idle_close_ms: 300 },
    play: async (s) => {
      await s.run('hello')
      await s.closed()
      s.world.fault(s.thread, { load_away: true })
      const said = s.say('are you there?', { command_id: 'asked' })
      await new Promise((resolve) => setTimeout(resolve, 700))
      s.world.fault(s.thread, { load_away: false })
      await s.ends(await said.catch(() => s.say('are you there?', { command_id: 'asked' })))
    },
  },
  'refused-while-the-store-is-away': async (s) => {
    s.world.fault(s.thread, { load_away: true })
    await s.refused('store_unavailable', { type: 'submit', mode: 'queue', messages: [user('now?')] })
    s.world.fault(s.thread, { load_away: false })
    await s.run('now!')
  },
  'a-write-that-was-not-heard-of': async (s) => {
    s.world.fault(s.thread, { persist_unheard: 2 })
    await s.run('hello')
    await s.run('again')
  },
  'another-life-has-the-thread': async (s) => {
    await s.run('hello')
    await s.engine.store.engine.load(s.engine.ref(s.thread))
    await s.run('still mine')
    await s.run('and after')
  },
  'a-store-set-back-is-noticed': {
    alone: true,
    play: async (s) => {
      await s.run('one')
      const backup = await Backup.of(s.database, s.thread)
      await s.run('two')
      await backup.restore()
      await s.answer({ type: 'submit', mode: 'queue', messages: [user('three')], command_id: 'three' })
      const { last_seq } = backup
      await s.refused('needs_reconcile', { type: 'submit', mode: 'queue', messages: [user('four')] })
      await s.handle.executeUpdate('reconcile', { args: [{ last_seq }] })
      await s.run('three', { command_id: 'three' })
    },
  },
  'a-store-set-back-is-told-of': {
    alone: true,
    play: async (s) => {
      const { run_id } = await s.waits()
      const backup = await Backup.of(s.database, s.thread)
      const log = await s.engine.log(s.thread)
      await s.send({ type: 'cancel', run_id })
      await s.ends(run_id, 'cancelled')
      await s.run('beyond the backup')
      await backup.restore()
      await s.handle.executeUpdate('reconcile', { args: [{ last_seq: log.length }] })
      await s.run('after it')
    },
  },
}

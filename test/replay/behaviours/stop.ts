import type { Behaviours, Stage } from '../support/stage.ts'
import type { QueuePolicy } from '../../../src/thread/command.ts'

const interrupt = (s: Stage, queue: QueuePolicy) => s.send({ type: 'interrupt', mode: 'graceful', queue })

/** Interrupts and cancels, whatever the thread is doing. */
export const stop: Behaviours = {
  'interrupted-while-a-model-writes': async (s) => {
    const run = await s.writing()
    await interrupt(s, 'supersede')
    await s.ends(run, 'cancelled')
    await s.run('again')
  },
  'interrupted-while-a-tool-runs': async (s) => {
    const run = await s.busy('/tool gate {}\n/tool sleep {"ms":60000}')
    await interrupt(s, 'supersede')
    await s.ends(run, 'cancelled')
    await s.run('again')
  },
  'interrupted-while-waiting': async (s) => {
    const { run_id } = await s.waits()
    await interrupt(s, 'supersede')
    await s.ends(run_id, 'cancelled')
  },
  'interrupted-with-a-queue-kept': async (s) => {
    const run = await s.writing()
    const next = await s.say('next')
    await interrupt(s, 'keep')
    await s.ends(run, 'cancelled')
    await s.ends(next)
  },
  'interrupted-with-a-queue-superseded': async (s) => {
    const run = await s.writing()
    const next = await s.say('next')
    await interrupt(s, 'supersede')
    await s.ends(run, 'cancelled')
    await s.ends(next, 'superseded')
  },
  'interrupted-at-once': async (s) => {
    const run = await s.say('hello')
    const answer = await s.answer({ type: 'interrupt', mode: 'graceful', queue: 'supersede' })
    await s.ends(run, answer.ok ? 'cancelled' : 'natural_end')
  },
  'interrupted-between-attempts': async (s) => {
    const run = await s.say('/fail 4 503\nhello')
    await s.logged('RunRescheduled', 2)
    await interrupt(s, 'supersede')
    await s.ends(run, 'cancelled')
  },
  'nothing-to-interrupt': async (s) => {
    await s.run('hello')
    await s.refused('nothing_to_interrupt', { type: 'interrupt', mode: 'graceful', queue: 'supersede' })
    await s.refused('run_not_found', { type: 'cancel' })
  },
  'a-tool-that-does-not-stop': async (s) => {
    const run = await s.busy('/tool stubborn {}')
    await interrupt(s, 'supersede')
    await s.ends(run, 'cancelled')
    await s.logged('MailboxTimeout')
  },
  'a-run-is-cancelled': async (s) => {
    const run = await s.writing()
    await s.send({ type: 'cancel', run_id: run, by: { id: 'ada' } })
    await s.ends(run, 'cancelled')
  },
  'a-waiting-run-is-cancelled': async (s) => {
    const { run_id } = await s.waits()
    const next = await s.say('next', {
      delivery: { boundary: 'new_run', granularity: 'batch', barrier: false, fallback_to_new_run: true },
    })
    await s.send({ type: 'cancel' })
    await s.ends(run_id, 'cancelled')
    await s.ends(next)
  },
  'the-workflow-is-cancelled': async (s) => {
    const run = await s.writing()
    await s.handle.cancel()
    await s.ends(run, 'cancelled')
    await s.run('again')
  },
}

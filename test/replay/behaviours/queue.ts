import type { Delivery } from '../../../src/thread/pending.ts'
import type { Behaviours } from '../support/stage.ts'

const delivery = (more: Partial<Delivery>): { delivery: Delivery } => ({
  delivery: { boundary: 'new_run', granularity: 'batch', barrier: false, fallback_to_new_run: true, ...more },
})

/** Delivery objects, and what people do to a queue. */
export const queue: Behaviours = {
  'delivered-at-the-next-step': async (s) => {
    const run = await s.busy()
    const target = { boundary: 'next_step' as const, target_run_id: run, fallback_to_new_run: false }
    await s.say('one', delivery(target))
    await s.say('two', delivery({ ...target, granularity: 'one' }))
    s.open()
    await s.ends(run)
  },
  'delivered-at-a-natural-end': async (s) => {
    const run = await s.busy()
    await s.say('before you go', delivery({ boundary: 'on_natural_end', target_run_id: run }))
    s.open()
    await s.ends(run)
  },
  'delivered-at-an-interrupt': async (s) => {
    const run = await s.writing()
    const later = await s.say('at the interrupt', delivery({ boundary: 'interrupt' }))
    await s.send({ type: 'interrupt', mode: 'graceful', queue: 'keep' })
    await s.ends(run, 'cancelled')
    await s.engine.run(later)
  },
  'delivered-as-resume-input': async (s) => {
    const { run_id } = await s.waits()
    await s.say('this instead', delivery({ boundary: 'resume_input' }))
    await s.ends(run_id)
  },
  'delivered-for-a-new-run-while-waiting': async (s) => {
    const { run_id, call } = await s.waits()
    const later = await s.say('afterwards', delivery({}))
    await s.decide(call)
    await s.ends(run_id)
    await s.ends(later)
  },
  'one-by-one': async (s) => {
    const run = await s.busy()
    const runs = []
    for (const text of ['a', 'b', 'c']) runs.push(await s.say(text, delivery({ granularity: 'one' })))
    s.open()
    for (const id of [run, ...runs]) await s.ends(id)
  },
  'a-batch-of-runs': async (s) => {
    const run = await s.busy()
    const runs = []
    for (const text of ['a', 'b', 'c']) runs.push(await s.say(text))
    s.open()
    await s.ends(run)
    await s.ends(runs[0] ?? '')
    for (const id of runs.slice(1)) await s.ends(id, 'coalesced')
  },
  'behind-a-barrier': async (s) => {
    const run = await s.busy()
    const runs = []
    for (const [text, barrier] of [
      ['a', false],
      ['b', true],
      ['c', false],
    ] as const)
      runs.push(await s.say(text, delivery({ barrier })))
    s.open()
    for (const id of [run, ...runs]) await s.engine.run(id)
  },
  'whose-run-has-ended': async (s) => {
    const run = await s.writing()
    const target = { boundary: 'on_natural_end' as const, target_run_id: run }
    await s.say('lost', delivery({ ...target, fallback_to_new_run: false }))
    await s.say('kept', delivery({ ...target, fallback_to_new_run: true }))
    await s.send({ type: 'cancel', run_id: run })
    await s.ends(run, 'cancelled')
    await s.logged('PendingUndelivered')
    await s.logged('RunFinished', 2)
  },
  edited: async (s) => {
    const run = await s.busy()
    const later = await s.say('wrong')
    const { pending_id, revision } = await s.pending()
    const message = { content: 'right', metadata: { corrected: true } }
    await s.send({ type: 'edit_pending', pending_id, message, expected_revision: revision })
    await s.refused('revision_conflict', { type: 'edit_pending', pending_id, message, expected_revision: revision })
    await s.refused('precondition_required', { type: 'edit_pending', pending_id, message })
    s.open()
    await s.ends(run)
    await s.ends(later)
    await s.refused('already_consumed', { type: 'edit_pending', pending_id, message, expected_revision: 'any' })
  },
  retracted: async (s) => {
    const run = await s.busy()
    await s.say('not this')
    const { pending_id } = await s.pending()
    await s.send({ type: 'retract_pending', pending_id, expected_revision: 'any', by: { id: 'ada' } })
    await s.refused('pending_gone', { type: 'retract_pending', pending_id, expected_revision: 'any' })
    s.open()
    await s.ends(run)
  },
  reordered: async (s) => {
    const run = await s.busy()
    const runs = []
    for (const text of ['a', 'b', 'c']) runs.push(await s.say(text, delivery({ granularity: 'one' })))
    const { items, queue_revision } = await s.queue()
    const pending_ids = items.map(({ pending_id }) => pending_id).reverse()
    await s.send({ type: 'reorder_pending', pending_ids, expected_queue_revision: queue_revision })
    s.open()
    for (const id of [run, ...runs]) await s.ends(id)
  },
  'held-and-released': async (s) => {
    const run = await s.busy()
    const later = await s.say('hold on')
    const { pending_id } = await s.pending()
    await s.send({ type: 'hold_pending', pending_id, ttl_ms: 600_000 })
    s.open()
    await s.ends(run)
    await s.send({ type: 'release_pending', pending_id })
    await s.ends(later)
  },
  'a-hold-that-expires': async (s) => {
    const run = await s.busy()
    const later = await s.say('hold on')
    const { pending_id } = await s.pending()
    await s.send({ type: 'hold_pending', pending_id, ttl_ms: 900 })
    s.open()
    await s.ends(run)
    await s.ends(later)
    await s.logged('PendingReleased')
  },
  'parked-and-resumed': async (s) => {
    const run = await s.busy()
    const later = await s.say('later')
    await s.send({ type: 'interrupt', mode: 'graceful', queue: 'park' })
    await s.ends(run, 'cancelled')
    await s.logged('QueueParked')
    await s.send({ type: 'resume_queue' })
    await s.ends(later)
  },
  'parked-until-the-next-submit': async (s) => {
    const run = await s.busy()
    const later = await s.say('later')
    await s.send({ type: 'interrupt', mode: 'graceful', queue: 'park' })
    await s.ends(run, 'cancelled')
    await s.engine.run(await s.say('go'))
    await s.engine.run(later)
  },
  'a-queued-run-is-cancelled': async (s) => {
    const run = await s.busy()
    const queued = await s.say('not this')
    await s.send({ type: 'cancel', run_id: queued })
    await s.ends(queued, 'cancelled')
    s.open()
    await s.ends(run)
  },
}

import { afterAll, beforeAll, expect, test } from 'vitest'
import { randomFrom } from '../streams/support/random.ts'
import { deploy, type Deployment } from './support/deployment.ts'
import { portrait, watchForSilence } from './support/portrait.ts'
import { LONG, seed } from './support/scale.ts'
import { Sender } from './support/sender.ts'
import { storm, threadsWaiting, untilAtRest, type StormPlan } from './support/storm.ts'
import { judge } from './support/verdict.ts'

const PLAN: StormPlan = LONG
  ? { threads: 1_000, commands: 6, lanes: 24, kills: { worker: 20, api: 5, temporal: 5, postgres: 3 } }
  : { threads: 100, commands: 4, lanes: 24, kills: { worker: 2, api: 2, temporal: 2, postgres: 2 } }
const RECOVERED_WITHIN_MS = 30_000
const GIVE_UP_MS = 120_000
/** Whoever has waited so long for an answer may be waiting for a thread that hangs. */
const SILENCE_MS = 60_000

let deployment: Deployment
beforeAll(async () => {
  deployment = await deploy({ apis: 2, workers: 2 })
}, 120_000)
afterAll(async () => {
  await deployment.end()
}, 60_000)

test(
  `${String(PLAN.threads)} threads under mixed load while everything is killed: acknowledged is applied once, the rest at most once`,
  async () => {
    const SEED = seed()
    const random = randomFrom(SEED)
    const sender = new Sender(deployment.urls, random)
    const began = Date.now()
    const unwatch = watchForSilence(sender, deployment.temporal.address, SILENCE_MS)
    const { killed, last_kill } = await storm(deployment, sender, PLAN, random).finally(unwatch)
    const answered = Date.now()
    const threads = [...new Set(sender.sent.map(({ thread_id }) => thread_id))]
    const busy = await untilAtRest(sender, threads, GIVE_UP_MS)
    const recovered_ms = Date.now() - last_kill
    await deployment.whenUp()
    const waiting = await threadsWaiting(sender, threads)
    const verdict = await judge(deployment.urls[0] ?? '', sender.sent)

    const slots = [...deployment.apis, ...deployment.workers]
    const figures = {
      seed: SEED,
      commands: sender.settled,
      storm_s: Math.round((answered - began) / 1_000),
      recovered_ms,
      waiting_for_a_person: `${String(waiting.length)}, of which ${String(waiting.filter(({ queued }) => queued > 0).length)} with messages behind`,
      killed: killed.map(({ target, settled }) => `${target}@${String(settled)}`).join(' '),
      tries: sender.sent.reduce((sum, { tries }) => sum + tries, 0),
      slowest_command_ms: Math.max(...sender.sent.map((sent) => sent.ended - sent.began)),
      answers: Object.fromEntries([...sender.statuses].sort()),
      acknowledged: verdict.acknowledged,
      refused: verdict.refused,
      unanswered: `${String(verdict.unanswered)}, of which ${String(verdict.applied_unanswered)} applied`,
      ended_by_themselves: slots.flatMap(({ unasked }) => unasked).length,
    }
    for (const thread_id of [...busy, ...verdict.doubtful].slice(0, 3))
      console.log(await portrait(sender, deployment.temporal.address, thread_id))
    console.log(`crash storm: ${JSON.stringify(figures, null, 1)}`)
    if (sender.wrong.length > 0)
      console.log(
        slots
          .flatMap(({ said }) => said)
          .join('\n')
          .slice(0, 6_000),
      )
    expect(killed.filter(({ signal }) => signal !== 'SIGKILL')).toEqual([])
    expect(killed).toHaveLength(Object.values(PLAN.kills).reduce((sum, count) => sum + count, 0))
    expect(busy, 'threads that are not at rest').toEqual([])
    expect(verdict.problems).toEqual([])
    expect(sender.wrong.slice(0, 5)).toEqual([])
    expect(sender.settled).toBe(PLAN.threads * PLAN.commands)
    expect(recovered_ms).toBeLessThan(RECOVERED_WITHIN_MS)
  },
  LONG ? 3_600_000 : 400_000,
)

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { randomFrom } from '../streams/support/random.ts'
import { freePort } from '../../src/temporal/embedded/ports.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { noted, startKillable, type Killable } from './support/killable.ts'
import type { KillPoint } from './support/points.ts'
import { LONG, seed } from './support/scale.ts'
import { Sender } from './support/sender.ts'
import { untilAtRest } from './support/storm.ts'
import { startKillableTemporal, type KillableTemporal } from './support/temporal.ts'
import { tour } from './support/tour.ts'
import { judge } from './support/verdict.ts'

/** How many of the points the short form kills at; the long form takes all, before and after. */
const SAMPLE = 4
/** Methods that this tour does not come by, each with what does. A method that is in no list fails the test. */
const ELSEWHERE = new Map([
  ['bus.close', 'the end of the process'],
  ['database.close', 'the end of the process'],
  ['gateway.ping', '/health, which is about no thread'],
  ['conversation.countDispatches', '/metrics, which is about no thread'],
  ['conversation.findDispatch', 'a read by the id of a dispatch'],
  ['conversation.findRun', 'a read by the id of a run'],
  ['conversation.listDispatches', 'a read over all threads'],
  ['conversation.messagesByIds', 'a repeat of an edit whose message has been read'],
  ['conversation.runStartedBefore', 'streams that come back'],
  ['threads.list', 'a read over all threads'],
  ['threads.lastSeqs', 'streams that are open for seconds'],
  ['threads.listOpen', 'the sweep, which is about all threads'],
  ['threads.listUnforgotten', 'the sweep'],
  ['threads.markForgotten', 'the sweep'],
])

let postgres: TestPostgres
let temporal: KillableTemporal
let dir: string
const living = new Set<Killable>()
beforeAll(async () => {
  ;[postgres, temporal] = await Promise.all([startPostgres(), startKillableTemporal()])
  dir = mkdtempSync(join(tmpdir(), 'weft-kill-points-'))
}, 120_000)
afterAll(async () => {
  await Promise.all([...living].map((one) => one.stop()))
  await Promise.all([postgres.stop(), temporal.remove()])
  rmSync(dir, { recursive: true, force: true })
}, 60_000)

type Outcome = { thread: string; died: string[]; signal: string | null; problems: string[]; took_ms: number }

/** One tour on a thread of its own, with a process that dies on the way and another that goes on. */
async function visit(
  thread: string,
  armed: KillPoint | null,
  random: () => number,
): Promise<Outcome & { declared: string[]; called: string[] }> {
  const began = Date.now()
  const port = await freePort()
  const file = join(dir, thread)
  writeFileSync(file, '')
  const settings = { database_url: postgres.url, temporal: temporal.address, task_queue: thread, port, thread, file }
  const start = async (where: KillPoint | null): Promise<Killable> => {
    const one = await startKillable({ ...settings, armed: where })
    living.add(one)
    void one.ended.then(() => living.delete(one))
    return one
  }
  const first = await start(armed)
  const sender = new Sender([`http://127.0.0.1:${String(port)}`], random)
  const next = first.ended.then(({ signal, stderr }) =>
    signal === 'SIGKILL' ? start(null) : Promise.reject(new Error(`It ended otherwise: ${String(signal)} ${stderr}`)),
  )
  next.catch(() => undefined)
  await tour(sender, thread)
  const busy = await untilAtRest(sender, [thread], 60_000)
  const signal = first.hasEnded() ? (await first.ended).signal : null
  const { problems } = await judge(`http://127.0.0.1:${String(port)}`, sender.sent)
  if (busy.length > 0) problems.push('it did not come to rest')
  for (const wrong of sender.wrong) problems.push(JSON.stringify(wrong))
  if (first.hasEnded()) await (await next).stop()
  else {
    living.delete(first)
    await first.stop()
  }
  const { declared } = first
  return {
    thread,
    died: noted(file, 'died'),
    called: noted(file, 'called'),
    signal,
    problems,
    declared,
    took_ms: Date.now() - began,
  }
}

test(
  'every method of every port is a point, and a process that is killed there leaves nothing lost or doubled',
  async () => {
    const SEED = seed()
    const random = randomFrom(SEED)
    const began = Date.now()
    const whole = await visit('tour', null, random)
    expect(whole).toMatchObject({ died: [], signal: null, problems: [] })
    const fired = [...new Set(whole.called)].sort()
    expect([...fired, ...ELSEWHERE.keys()].sort(), 'declared points are those that fire').toEqual(whole.declared)

    const all = fired.flatMap((point): KillPoint[] => [
      { when: 'before', point, call: 1 },
      { when: 'after', point, call: 1 },
    ])
    const chosen = LONG ? all : pick(all, SAMPLE, random)
    const outcomes: (Outcome & { asked: string })[] = []
    const waiting = [...chosen.entries()]
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, armed] = next
        const { thread, died, signal, problems, took_ms } = await visit(`point-${String(index)}`, armed, random)
        outcomes.push({ asked: nameOf(armed), thread, died, signal, problems, took_ms })
      }
    }
    await Promise.all([lane(), lane()])
    const took = outcomes.map(({ took_ms }) => took_ms)
    console.log(
      `kill points: seed ${String(SEED)}, ${String(chosen.length)} of ${String(all.length)} (${String(fired.length)} methods), in ${String(Math.round((Date.now() - began) / 1_000))} s; slowest ${String(Math.max(...took))} ms`,
    )
    expect(outcomes.filter(({ problems }) => problems.length > 0)).toEqual([])
    expect(outcomes.filter(({ signal }) => signal !== 'SIGKILL')).toEqual([])
    expect(outcomes.flatMap(({ died }) => died).sort()).toEqual(chosen.map(nameOf).sort())
  },
  LONG ? 3_600_000 : 300_000,
)

function nameOf({ when, point, call }: KillPoint): string {
  return `${when} ${point} ${String(call)}`
}

function pick<T>(from: readonly T[], count: number, random: () => number): T[] {
  const left = [...from]
  return Array.from({ length: count }, () => left.splice(Math.floor(random() * left.length), 1)).flat()
}

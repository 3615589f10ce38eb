import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { randomFrom } from '../streams/support/random.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { startReceiver } from '../support/receiver.ts'
import { noted } from './support/killable.ts'
import type { KillPoint } from './support/points.ts'
import { isOfRows } from './support/ports.ts'
import { LONG, seed } from './support/scale.ts'
import { startKillableTemporal, type KillableTemporal } from './support/temporal.ts'
import { visit, type Place, type Visit } from './support/visit.ts'

/** How many of the points the short form kills at; the long form takes all, before and after. */
const SAMPLE = 4
/** Visits at a time: most of the long form waits until a lost worker is missed. */
const LANES = LONG ? 4 : 2
/** How long the first tour waits for what comes by itself after a while, such as a sweep. */
const LATE_MS = 30_000
/** Methods that no tour comes by, each with the test that does. One that is here and is come by fails the test too. */
const ELSEWHERE = new Map([
  ['agents.get', 'a run that began with a configuration which is gone: test/agent'],
  ['repair.noteRestored', 'a store that was set back to a backup: test/workflow/restored-store.test.ts'],
  ['workflows.reconcile', 'the same'],
])

let postgres: TestPostgres
let temporal: KillableTemporal
let place: Place
beforeAll(async () => {
  ;[postgres, temporal] = await Promise.all([startPostgres(), startKillableTemporal()])
  place = {
    dir: mkdtempSync(join(tmpdir(), 'weft-kill-points-')),
    postgres: postgres.url,
    temporal: temporal.address,
    connection: await Connection.connect({ address: temporal.address }),
    receiver: await startReceiver(),
    living: new Set(),
  }
}, 120_000)
afterAll(async () => {
  await Promise.all([...place.living].map((one) => one.kill()))
  await Promise.all([postgres.stop(), temporal.remove(), place.connection.close(), place.receiver.close()])
  rmSync(place.dir, { recursive: true, force: true })
}, 60_000)

test(
  'every effect of every port is a point, and a process that is killed there leaves nothing lost or doubled',
  async () => {
    const SEED = seed()
    const random = randomFrom(SEED)
    const began = Date.now()
    const whole = await visit(place, 'tour', null, random, untilAllCalled)
    console.log(`the tour: ${String(whole.took_ms)} ms`)
    expect(whole).toMatchObject({ died: [], signals: [], problems: [] })
    const methods = whole.called.filter((point) => !point.includes(' '))
    const missed = whole.declared.filter((point) => !methods.includes(point))
    expect(missed, 'declared points are those that fire').toEqual([...ELSEWHERE.keys()].sort())
    expect(methods.filter((point) => !whole.declared.includes(point))).toEqual([])
    // Of the store only what changes something is an effect; nobody says so by hand, the database does.
    const effects = whole.called.filter((point) => !isOfRows(point) || whole.wrote.includes(point))
    const reads = methods.filter((point) => !effects.includes(point))

    const all = effects.flatMap((point): KillPoint[] => [
      { when: 'before', point },
      { when: 'after', point },
    ])
    // A worker that dies in a repair is missed after a minute, which is too long for the short form.
    const chosen = LONG
      ? all
      : pick(
          all.filter(({ point }) => !whole.repairs.includes(point)),
          SAMPLE,
          random,
        )
    const visits: Visit[] = []
    const waiting = [...chosen.entries()]
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, armed] = next
        visits.push(await visit(place, `point-${String(index)}`, armed, random))
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    const figures = {
      seed: SEED,
      kills: `${String(visits.length)} of ${String(all.length)}`,
      methods: methods.length,
      reads: reads.length,
      transactions: effects.length - methods.length + reads.length,
      seconds: Math.round((Date.now() - began) / 1_000),
      slowest_ms: Math.max(...visits.map(({ took_ms }) => took_ms)),
    }
    console.log(`kill points: ${JSON.stringify(figures)}`)
    expect(visits.filter(({ problems }) => problems.length > 0).map(({ died, problems }) => ({ died, problems }))).toEqual([])
    expect(visits.flatMap(({ died }) => died).sort()).toEqual(chosen.map(nameOf).sort())
    expect(visits.filter(({ signals }) => signals.join() !== 'SIGKILL').map(({ died, signals }) => ({ died, signals }))).toEqual(
      [],
    )
  },
  LONG ? 7_200_000 : 300_000,
)

async function untilAllCalled(file: string, declared: readonly string[]): Promise<void> {
  const atItsEnd = (point: string): boolean => /\.(close|stop)$/.test(point)
  for (const deadline = Date.now() + LATE_MS; Date.now() < deadline; await sleep(100)) {
    const called = new Set(noted(file, 'called'))
    if (declared.every((point) => called.has(point) || ELSEWHERE.has(point) || atItsEnd(point))) return
  }
}

function nameOf({ when, point }: KillPoint): string {
  return `${when} ${point}`
}

function pick<T>(from: readonly T[], count: number, random: () => number): T[] {
  const left = [...from]
  return Array.from({ length: count }, () => left.splice(Math.floor(random() * left.length), 1)).flat()
}

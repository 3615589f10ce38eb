import { expect, test } from 'vitest'
import { grid } from '../../bench/support/grid.ts'
import { interleave } from '../../bench/support/interleave.ts'
import { addCpu, cpuMs, perOne, withCpu } from '../../bench/support/processes.ts'
import { figures, percentile, ratio, roundedAll } from '../../bench/support/stats.ts'
import { logProblem, threadProblem, type EventRow } from '../../bench/weft/check-runs.ts'

test('percentiles are values that were measured, whatever their order', () => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n)
  expect([1, 50, 99, 100].map((percent) => percentile(values, percent))).toEqual([1, 50, 99, 100])
  expect(percentile([7], 99)).toBe(7)
  expect(percentile([], 50)).toBeNaN()
})

test('throughput is what busy clients did, and spreads are p99 over p50', () => {
  const turns = Array.from({ length: 10 }, () => ({ first_ms: 5, end_ms: 100 }))
  expect(figures(turns, 4)).toMatchObject({ runs: 10, first_p50: 5, end_p50: 100, runs_per_second: 40, end_spread: 1 })
  expect(figures([...turns, { first_ms: 50, end_ms: 300 }], 1)).toMatchObject({ first_spread: 10, end_spread: 3 })
  expect(figures([], 8).runs_per_second).toBe(0)
})

test('a ratio without anything to compare with is no number, and null in JSON', () => {
  expect(ratio(3, 2)).toBe(1.5)
  expect(ratio(1, 3)).toBe(0.333)
  expect([ratio(1, 0), ratio(1, NaN)]).toEqual([NaN, NaN])
  expect(JSON.stringify(roundedAll({ a: [1.23456, { b: NaN }], c: 'x', d: null }))).toBe(
    '{"a":[1.235,{"b":null}],"c":"x","d":null}',
  )
})

test('cases take turns, every second round the other way about', async () => {
  const order: string[] = []
  const signal = new AbortController().signal
  await interleave(['a', 'b', 'c'], { rounds: 3, signal }, async (one, round) => void order.push(`${one}${String(round)}`))
  expect(order.join(' ')).toBe('a0 b0 c0 c1 b1 a1 a2 b2 c2')
})

test('CPU time of slices adds up, and is shared out among what was done', async () => {
  const sum = {}
  addCpu(sum, { worker: 30, temporal: 10 })
  addCpu(sum, { worker: 10, temporal: 10 })
  expect(perOne(sum, 4)).toEqual({ worker: 10, temporal: 5, total: 15 })
  expect(cpuMs(0)).toBeNaN()
})

test.runIf(process.platform === 'linux')('work of this process is seen in its CPU time', async () => {
  const { cpu } = await withCpu({ own: process.pid }, async () => {
    const before = process.cpuUsage()
    while (process.cpuUsage(before).user < 100_000) Math.sqrt(2)
  })
  expect(cpu['own']).toBeGreaterThanOrEqual(90)
})

test('a table stands in columns', () => {
  expect(
    grid(
      ['what', 'ms'],
      [
        ['a', 1.234],
        ['bcdef', 100],
        ['none', NaN],
      ],
    ),
  ).toBe(['what      ms', '────────────', 'a       1.23', 'bcdef    100', 'none       –'].join('\n'))
})

test('a run without its end, a log with a gap and a message too few are found', () => {
  const event = (event_seq: number, kind: string): EventRow => ({ event_seq, kind, run_id: 'r' })
  const whole = [event(1, 'RunQueued'), event(2, 'RunStarted'), event(3, 'RunFinished')]
  const messages = [1, 2].map((message_seq) => ({ message_seq, run_id: 'r' }))
  expect([logProblem('r', whole), threadProblem(['r'], whole, messages)]).toEqual([null, null])
  expect(logProblem('r', whole.slice(0, 2))).toContain('0 ends')
  expect(logProblem('r', [...whole, event(4, 'RunFinished')])).toContain('2 ends')
  expect(
    threadProblem(
      ['r'],
      whole.filter(({ event_seq }) => event_seq !== 2),
      messages,
    ),
  ).toContain('number 3 as event 2')
  expect(threadProblem(['r'], whole, messages.slice(0, 1))).toContain('1 messages instead of 2')
  expect(threadProblem(['r'], whole, messages.slice(1))).toContain('number 2 as message 1')
})

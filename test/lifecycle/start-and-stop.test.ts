import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { allOrNone, beginning } from '../../src/program/all-or-none.ts'
import { createShutdown } from '../../src/program/shutdown.ts'
import { cliPrefix } from '../../src/program/temporal-service.ts'

const silent = pino({ level: 'silent' })
const never = new AbortController().signal

describe('beginning several things', () => {
  test('gives all of them', async () => {
    const both = [
      beginning(
        () => Promise.resolve(1),
        () => {},
      ),
      beginning(
        () => Promise.resolve('b'),
        () => {},
      ),
    ] as const
    expect(await allOrNone(never, [...both])).toEqual([1, 'b'])
  })

  test('a failure ends what has begun and stops what has not; the first one is told', async () => {
    const ended: string[] = []
    const failing = allOrNone(never, [
      beginning(
        () => Promise.resolve('quick'),
        (name) => void ended.push(name),
      ),
      beginning(
        () => sleep(5).then(() => Promise.reject(new Error('broken'))),
        () => {},
      ),
      beginning(
        (signal) => sleep(60_000, 'slow', { signal }),
        (name) => void ended.push(name),
      ),
    ])
    await expect(failing).rejects.toThrow('broken')
    expect(ended).toEqual(['quick'])
  })

  test('giving up ends what has begun all the same', async () => {
    const ended: string[] = []
    const giveUp = new AbortController()
    const deaf = allOrNone(giveUp.signal, [
      beginning(
        () => sleep(20, 'deaf'),
        (name) => void ended.push(name),
      ),
    ])
    giveUp.abort(new Error('cancelled'))
    await expect(deaf).rejects.toThrow('cancelled')
    expect(ended).toEqual(['deaf'])
  })
})

test('things end in the reverse order, once; one that hangs or fails does not hold up the others', async () => {
  const ended: string[] = []
  const shutdown = createShutdown(silent)
  shutdown.add('first', () => void ended.push('first'))
  shutdown.add('hanging', () => new Promise(() => {}), 20)
  shutdown.add('failing', () => Promise.reject(new Error('no')))
  shutdown.add('throwing', () => {
    throw new Error('no')
  })
  shutdown.add('last', async () => {
    await sleep(10)
    ended.push('last')
  })
  await Promise.all([shutdown.run(), shutdown.run()])
  expect(ended).toEqual(['last', 'first'])
})

test('commands for people name only what is not the default', () => {
  const at = (address: string, cli: string | null) => ({
    address,
    cli,
    uiAddress: null,
    embedded: true,
    stop: () => Promise.resolve(),
  })
  expect(cliPrefix(at('127.0.0.1:7233', '/bin/temporal'), 'default', ['/bin'])).toBe('temporal')
  expect(cliPrefix(at('127.0.0.1:9', '/cache/v1/temporal'), 'team', ['/cache', '/bin'])).toBe(
    'TEMPORAL_ADDRESS=127.0.0.1:9 TEMPORAL_NAMESPACE=team /cache/v1/temporal',
  )
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { lookup as dnsLookup } from 'node:dns'
import { allowNetworks, isPrivateAddress } from '../../src/webhooks/addresses.ts'
import { postOnce } from '../../src/webhooks/post.ts'
import { nextTry } from '../../src/webhooks/schedule.ts'
import { signature } from '../../src/webhooks/sign.ts'
import { wrongUrl } from '../../src/webhooks/target.ts'
import { isSigned, startReceiver, type Receiver } from '../support/receiver.ts'

const nothing = allowNetworks([])
const loopback = allowNetworks(['127.0.0.0/8'])
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
})
afterAll(() => receiver.close())

/** A name server that gives these addresses, one list a question. */
function names(...answers: string[][]): typeof dnsLookup {
  return ((_name: string, _options: object, callback: (error: Error | null, found: object[]) => void) => {
    const found = (answers.length > 1 ? answers.shift() : answers[0]) ?? []
    callback(
      null,
      found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }) as unknown as typeof dnsLookup
}
const post = (url: string, allowed = nothing, lookup?: typeof dnsLookup) =>
  postOnce({ url, headers: {}, body: '{}', allowed, timeout_ms: 2_000, ...(lookup === undefined ? {} : { lookup }) })

describe('addresses', () => {
  it.each([
    ...['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1'],
    ...['::1', '::', 'fe80::1', 'fe80::1%eth0', 'fd00::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1', 'ff02::1'],
    ...['2002:7f00:1::', 'not an address', ''],
  ])('%s is private', (address) => {
    expect(isPrivateAddress(address)).toBe(true)
  })

  it('are told apart by family', () => {
    expect(allowNetworks(['::/0']).includes('10.0.0.1')).toBe(false)
    expect(allowNetworks(['0.0.0.0/0']).includes('fd00::1')).toBe(false)
  })

  it.each(['8.8.8.8', '172.32.0.1', '1.1.1.1', '2606:4700::1111'])('%s is not', (address) => {
    expect(isPrivateAddress(address)).toBe(false)
  })

  it('are refused in URLs, however they are written, unless a network is allowed', () => {
    for (const host of ['127.0.0.1', '127.1', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]', 'localhost', 'a.localhost.'])
      expect(wrongUrl(`https://${host}/`, nothing), host).not.toBeNull()
    expect(wrongUrl('https://127.0.0.1/', loopback)).toBeNull()
    expect(wrongUrl('http://127.0.0.1:1/', loopback)).toBeNull()
    expect(wrongUrl('https://10.0.0.1/', loopback)).not.toBeNull()
    expect(wrongUrl('https://example.com/', nothing)).toBeNull()
    for (const url of ['http://example.com/', 'ftp://example.com', 'https://user:pass@example.com/', 'nonsense', ''])
      expect(wrongUrl(url, nothing), url).not.toBeNull()
    expect(() => allowNetworks(['10.0.0.0/33'])).toThrow('10.0.0.0/33')
  })
})

describe('one try', () => {
  it('reaches an allowed address, and no other', async () => {
    expect(await post(receiver.url, loopback)).toEqual({ ok: true, status: 200, error: null })
    const before = receiver.told.length
    for (const url of [receiver.url, receiver.url.replace('127.0.0.1', '[::ffff:127.0.0.1]')])
      expect(await post(url)).toMatchObject({ ok: false, status: null, error: expect.stringContaining('private network') })
    expect(receiver.told).toHaveLength(before)
  })

  it('judges what a name stands for at the very call: private, one private of several, or another the second time', async () => {
    const url = receiver.url.replace('127.0.0.1', 'hook.example')
    const before = receiver.told.length
    for (const answers of [[['127.0.0.1']], [['8.8.8.8', '127.0.0.1']], [['::ffff:127.0.0.1']], [['169.254.169.254']]])
      expect(await post(url.replace('http:', 'https:'), nothing, names(...answers))).toMatchObject({
        error: expect.stringContaining('private network'),
      })
    // Looked up once: the second answer is never asked for, so the name cannot change its mind in between.
    expect(await post(url, loopback, names(['127.0.0.1'], ['10.0.0.1']))).toMatchObject({ ok: true })
    expect(receiver.hosts.at(-1)).toMatch(/^hook\.example:/)
    expect(receiver.told).toHaveLength(before + 1)
    // Without TLS to an address that is not named: not even when it is public.
    expect(await post(url, loopback, names(['8.8.8.8']))).toMatchObject({ error: expect.stringContaining('Without TLS') })
  })

  it('follows no redirect and takes no answer but a success', async () => {
    const before = receiver.told.length
    receiver.answer = () => ({ status: 307, headers: { location: receiver.url } })
    expect(await post(receiver.url, loopback)).toEqual({ ok: false, status: 307, error: 'It answered 307.' })
    expect(receiver.told).toHaveLength(before + 1)
    receiver.answer = () => null
    const asked = { url: receiver.url, headers: {}, body: '{}', allowed: loopback }
    expect(await postOnce({ ...asked, timeout_ms: 100 })).toMatchObject({ error: 'No answer came within 100 ms.' })
    expect(await post('http://127.0.0.1:1/', loopback)).toMatchObject({ error: 'It could not be reached: ECONNREFUSED.' })
  })
})

it('signs the time and the body', () => {
  const now = Date.now()
  const header = signature('whsec_of-the-test', Math.floor(now / 1_000), '{"a":1}')
  expect(header).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/)
  expect(isSigned('whsec_of-the-test', header, '{"a":1}', now)).toBe(true)
  expect(isSigned('whsec_of-the-test', header, '{"a":2}', now)).toBe(false)
  expect(isSigned('another secret', header, '{"a":1}', now)).toBe(false)
  expect(isSigned('whsec_of-the-test', header, '{"a":1}', now + 600_000)).toBe(false)
})

it('waits longer and longer between tries, and gives up', () => {
  const retry = { first_ms: 5_000, give_up_ms: 86_400_000 }
  const at: number[] = []
  for (let now: number | null = 0; now !== null; now = nextTry(retry, { attempts: at.length, created_at: 0, now })) at.push(now)
  expect(at.slice(0, 5)).toEqual([0, 5_000, 15_000, 35_000, 75_000])
  const pauses = at.slice(1).map((each, index) => each - (at[index] ?? 0))
  expect(Math.max(...pauses)).toBe(14_400_000)
  expect(at.at(-1)).toBeLessThanOrEqual(retry.give_up_ms)
  expect(at.length).toBeGreaterThan(10)
})

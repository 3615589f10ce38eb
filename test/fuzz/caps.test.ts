import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/http/options.ts'
import { routeName } from '../../src/http/roles.ts'
import { allRoutes } from '../../src/http/routes/index.ts'
import { MAX_CONTENT_BYTES, MAX_METADATA_BYTES } from '../../src/thread/limits.ts'
import type { Answered } from '../http/support/client.ts'
import { addressOf, BODIES, makeSamples, type Samples } from '../http/support/samples.ts'
import { user } from '../http/support/threads.ts'
import { createWorld, type Running, type World } from '../faults/support/world.ts'
import { INSIDE, inside, kept } from './support/inside.ts'
import { answerProblems } from './support/judge.ts'
import { exchange } from './support/raw-http.ts'

/** At the cap and one byte over, on every way in that has it. */
let world: World
let program: Running
let samples: Samples
beforeAll(async () => {
  world = await createWorld()
  program = await world.start(INSIDE)
  samples = await makeSamples(inside(program.api), 'a'.repeat(16))
})
afterAll(() => world.end())

const WITH_BODY = allRoutes().filter(({ body }) => body !== undefined)
const fits = ({ status }: Answered): boolean => status < 400
const tooLarge = (answer: Answered): unknown => ({ status: answer.status, code: answer.body?.code })

test.each(WITH_BODY.map((route) => [routeName(route), route] as const))(
  'the body of %s',
  { timeout: 60_000 },
  async (name, route) => {
    const good = kept(route.method.toUpperCase(), route.path, JSON.stringify(BODIES[name]?.(samples) ?? {}))
    const headers = [['accept', 'application/json'] as const, ['content-type', 'application/json'] as const]
    // Spaces count for the body and for nothing else.
    const send = (bytes: number) =>
      exchange(program.api.url, {
        ...{ method: route.method.toUpperCase(), target: addressOf(route.path, samples), headers },
        body: good.slice(0, -1).padEnd(bytes - 1, ' ') + good.slice(-1),
      })
    // The one that is refused comes first: the other may change what the address names.
    const refused = await send(DEFAULT_LIMITS.body_bytes + 1)
    expect({ status: refused.status, body: refused.body.slice(0, 300) }).toMatchObject({ status: 413 })
    expect(refused.body).toContain('body_too_large')
    // Making the first key would close the door to everybody else.
    if (name === 'POST /v1/keys') return
    const taken = await send(DEFAULT_LIMITS.body_bytes)
    expect(taken.status).not.toBe(413)
    expect(answerProblems(route, taken)).toEqual([])
  },
)

describe('the words of a prompt', () => {
  const word = (bytes: number): string => 'é'.repeat(Math.floor(bytes / 2)) + 'a'.repeat(bytes % 2)
  const post = (path: string, body: object): Promise<Answered> => program.api.call('POST', path, body)
  const ways: [string, (content: string) => Promise<Answered>][] = [
    ['a foreground run', (content) => post('/v1/runs', { agent_id: 'default', messages: [user(content)] })],
    ['a queued message', (content) => inThread((id) => post(`/v1/threads/${id}/messages`, { messages: [user(content)] }))],
    ['two messages together', (content) => inThread((id) => post(`/v1/threads/${id}/messages`, { messages: halves(content) }))],
    ['a mailbox payload', (payload) => inThread((id) => post(`/v1/threads/${id}/mailbox`, { payload }))],
    ['a mailbox payload that has a text', (text) => inThread((id) => post(`/v1/threads/${id}/mailbox`, { payload: { text } }))],
    ['an input to a run', async (content) => post(`/v1/runs/${await openRun()}/inputs`, { messages: [user(content)] })],
    [
      'an edited message',
      async (content) => {
        const { queue: id } = samples
        const pending = (await post(`/v1/threads/${id}/messages`, { messages: [user('x')] })).body.message_ids[0] as string
        return program.api.call('PATCH', `/v1/threads/${id}/pending/${pending}`, { content, expected_revision: 1 })
      },
    ],
  ]
  test.each(ways)('of %s', { timeout: 60_000 }, async (_way, send) => {
    expect(tooLarge(await send(word(MAX_CONTENT_BYTES + 1)))).toEqual({ status: 413, code: 'payload_too_large' })
    const taken = await send(word(MAX_CONTENT_BYTES))
    expect(fits(taken), JSON.stringify(taken.body).slice(0, 500)).toBe(true)
  })

  const halves = (content: string) => [user(content.slice(0, 1_000)), user(content.slice(1_000))]
})

describe('what stands beside the words', () => {
  const object = (bytes: number): object => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) })
  const ways: [string, (of: object) => object][] = [
    ["a run's metadata", (metadata) => ({ messages: [user('x')], metadata })],
    ["a message's metadata", (metadata) => ({ messages: [user('x', { metadata })] })],
  ]
  test.each(ways)('%s', { timeout: 60_000 }, async (_way, body) => {
    const send = (bytes: number) => inThread((id) => program.api.call('POST', `/v1/threads/${id}/messages`, body(object(bytes))))
    expect(tooLarge(await send(MAX_METADATA_BYTES + 1))).toEqual({ status: 413, code: 'payload_too_large' })
    expect(fits(await send(MAX_METADATA_BYTES))).toBe(true)
  })
})

async function inThread(send: (id: string) => Promise<Answered>): Promise<Answered> {
  return send((await program.api.call('POST', '/v1/threads', {})).body.id as string)
}

async function openRun(): Promise<string> {
  const { id } = (await program.api.call('POST', '/v1/threads', {})).body
  return program.api.say(id, '/slow 30000\na b c')
}

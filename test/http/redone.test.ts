import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Delivered, ThreadGateway } from '../../src/temporal/gateway.ts'
import { reject } from '../../src/thread/reply.ts'
import { createClient, type Client } from './support/client.ts'
import { startService, type Service } from './support/service.ts'

/**
 * A workflow task is done again when its worker dies after it has stored what the task led to. The second try may see
 * other input before a command and answer otherwise; these tests put such an answer in the place of the first.
 */
const REDONE: Delivered = {
  ok: false,
  rejection: reject('already_consumed', 'The message has been read.'),
  event_seq: 0,
  replayed: false,
  degraded: false,
}

let service: Service
let client: Client
let again: ((first: Delivered) => Delivered) | null = null
beforeAll(async () => {
  service = await startService(({ gateway }) => ({
    gateway: {
      ...gateway,
      send: async (...[ref, command]: Parameters<ThreadGateway['send']>) => {
        const delivery_id = randomUUID()
        // A thread of this engine does not see deliveries, so what has no id gets that of its delivery.
        const first = await gateway.send(ref, { command_id: delivery_id, ...command })
        return again === null ? first : { ...again(first), delivery_id }
      },
    },
  }))
  client = createClient(service.url)
})
afterEach(() => {
  again = null
})
afterAll(() => service.close())

/** A message behind a run that takes its time. */
async function pending(): Promise<string> {
  const { id } = (await client.call('POST', '/v1/threads', {})).body
  const say = (content: string) =>
    client.call('POST', `/v1/threads/${String(id)}/messages`, { messages: [{ role: 'user', content }] })
  await say('/slow 60000 a b')
  const [message_id] = (await say('behind')).body.message_ids
  return `/v1/threads/${String(id)}/pending/${String(message_id)}`
}
const EDIT = { content: 'reworded', expected_revision: 1 }

test.each([true, false])('what is stored is not called refused (sent again: %s)', async (repeated) => {
  const path = await pending()
  again = () => ({ ...REDONE, repeated })
  const answer = await client.call('PATCH', path, EDIT, { 'idempotency-key': `stored-${String(repeated)}` })
  expect(answer).toMatchObject({ status: 200, body: { pending: { revision: 2, content: 'reworded' } } })
})

test('nor is what came without a key', async () => {
  const path = await pending()
  again = () => ({ ...REDONE, repeated: true })
  expect(await client.call('PATCH', path, EDIT)).toMatchObject({ status: 200, body: { pending: { revision: 2 } } })
})

test('what the store knows to be refused is not called done', async () => {
  const path = await pending()
  again = (first) => ({ ...first, ok: true, outcome: { pending: { pending_id: 'x', revision: 3 } }, repeated: true }) as Delivered
  const answer = await client.call('PATCH', path, { ...EDIT, expected_revision: 9 }, { 'idempotency-key': 'refused' })
  expect(answer).toMatchObject({ status: 409, body: { code: 'revision_conflict' } })
})

test('a refusal of which the store knows nothing else stands', async () => {
  const path = await pending()
  const answer = await client.call('PATCH', path, { ...EDIT, expected_revision: 9 }, { 'idempotency-key': 'other' })
  expect(answer).toMatchObject({ status: 409, body: { code: 'revision_conflict' } })
})

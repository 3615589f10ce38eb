import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createClient, type Client } from './support/client.ts'
import { startService, type Service } from './support/service.ts'
import { scenes } from './support/threads.ts'

/** Whoever submits to a new thread listens before the thread has a row; the look for lost news must not take that for a deletion. */
let service: Service
let client: Client
beforeAll(async () => {
  service = await startService(({ gateway }) => ({
    limits: { poll_ms: 20 },
    // A workflow that takes its time to begin.
    gateway: {
      ...gateway,
      async send(ref, command) {
        await sleep(60)
        return gateway.send(ref, command)
      },
    },
  }))
  client = createClient(service.url)
})
afterAll(() => service.close())

it('a stream and a wait on a thread that is being made go on to the end', async () => {
  // Somebody watches, so that there is a look every few milliseconds.
  const other = await client.stream('GET', `/v1/threads/${await scenes(client).thread()}/stream`)
  for (let i = 0; i < 5; i++) {
    const body = { agent_id: 'default', messages: [{ role: 'user', content: '/slow 50\nhello' }] }
    const frames = await (await client.stream('POST', '/v1/runs', body)).all()
    expect(frames.at(-1)).toMatchObject({ event_type: 'run_finish' })
    expect(await client.run('/slow 50\nhi')).toMatchObject({ status: 200, body: { status: 'done' } })
  }
  other.close()
})

it('a stream ends when its thread is deleted', async () => {
  const id = await scenes(client).thread()
  const stream = await client.stream('GET', `/v1/threads/${id}/stream`)
  await client.call('DELETE', `/v1/threads/${id}`)
  await stream.all()
})

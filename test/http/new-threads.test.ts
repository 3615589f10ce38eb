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

it('two requests with one key at the same time are one command, however the looks of the one lie about the other', async () => {
  let meanwhile: (() => Promise<unknown>) | null = null
  const racing = await startService(({ store }) => ({
    store: {
      ...store,
      engine: {
        ...store.engine,
        async lookUp(ref, command_id) {
          const found = await store.engine.lookUp(ref, command_id)
          const other = meanwhile
          meanwhile = null
          await other?.()
          return found
        },
      },
    },
  }))
  try {
    const here = createClient(racing.url)
    const id = await scenes(here).thread()
    await here.run('hello', { thread_id: id })
    const body = { messages: [{ id: 'm-1', role: 'user', content: 'once' }] }
    const send = (): ReturnType<typeof here.call> =>
      here.call('POST', `/v1/threads/${id}/messages`, body, { 'idempotency-key': 'k1' })
    const answers: unknown[] = []
    meanwhile = async () => answers.push(await send())
    answers.push(await send())
    const [quick, slow] = answers as Awaited<ReturnType<typeof send>>[]
    expect([quick?.status, slow?.status]).toEqual([202, 202])
    expect(slow?.body).toEqual(quick?.body)
  } finally {
    await racing.close()
  }
})

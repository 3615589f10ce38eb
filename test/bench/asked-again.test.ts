import { afterAll, beforeAll, expect, it } from 'vitest'
import { load } from '../../bench/support/load.ts'
import { createAgent, postRun } from '../../bench/weft/post-run.ts'
import { ThreadUnavailable } from '../../src/temporal/gateway.ts'
import { startService, type Service } from '../http/support/service.ts'

/** The thread does what it is asked, and its answer does not come in time, so often. */
let late = 0
let service: Service
const agent = createAgent()
beforeAll(async () => {
  service = await startService(({ gateway }) => ({
    gateway: {
      ...gateway,
      async send(ref, command, sending) {
        const held = late > 0
        // Not even the log's word comes before: the thread takes it after the request has been given up.
        if (held) {
          late -= 1
          setImmediate(() => void gateway.send(ref, command, sending))
          throw new ThreadUnavailable('The thread did not answer in time.')
        }
        return gateway.send(ref, command, sending)
      },
    },
  }))
})
afterAll(async () => {
  agent.destroy()
  await service.close()
})

it('a request that was answered 503 is sent again, and is one run', async () => {
  late = 1
  const run = await postRun(service.url, agent, 'asked-again', 'Hello there')
  expect(run.asked_again).toBe(1)
  expect(run.first_ms).toBeGreaterThan(900)
  const answer = await fetch(`${service.url}/v1/threads/asked-again/runs`)
  const { items } = (await answer.json()) as { items: { run_id: string }[] }
  expect(items.map(({ run_id }) => run_id)).toEqual([run.run_id])
})

it('a conversation that cannot be opened is one failure, and the others go on', async () => {
  let opened = 0
  const open = () => {
    opened += 1
    return opened === 1 ? Promise.reject(new Error('not now')) : Promise.resolve(async () => ({ first_ms: 1, end_ms: 2 }))
  }
  const done = await load({ turns: 1, opening: 1, open }, 2, 0, new AbortController().signal)
  expect(done.failures).toEqual(['not now'])
  expect(done.turns).toHaveLength(1)
})

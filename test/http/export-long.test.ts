import { request, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { batch, committed, loadEpoch, run } from '../store/batches.ts'
import { startService, type Service } from './support/service.ts'

const EVENTS = 12_000
const BYTES = 4_000
const MB = 1_024 * 1_024
/** What two sockets of this machine may hold between them, and a page. */
const AHEAD_MB = 16

let service: Service
let readEvents = 0
beforeAll(async () => {
  service = await startService(({ store }) => ({ store: { ...store, conversation: counted(store) } }), { made_up_logs: true })
})
afterAll(() => service.close())

function counted({ conversation }: Store): Store['conversation'] {
  return {
    ...conversation,
    listEvents: async (...args) => {
      const page = await conversation.listEvents(...args)
      readEvents += page.events.length
      return page
    },
  }
}

/** Memory that is in use after everything else is thrown away, in MB; the store's own is not in it. */
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
function heap(): number {
  collect()
  return process.memoryUsage().heapUsed / MB
}

async function fill(store: Store, thread_id: string): Promise<void> {
  const ref = { tenant: 'default', thread_id }
  const epoch = await loadEpoch(store, ref)
  const text = 'x'.repeat(BYTES)
  for (let from = 1; from <= EVENTS; from += 200) {
    const events = Array.from({ length: 200 }, (_, n) => committed(from + n, from + n, text))
    const summary = {
      status: 'idle' as const,
      agent_id: 'default',
      active_run_id: null,
      message_count: from + 199,
      queue_revision: 0,
    }
    await store.engine.persist(batch(ref, epoch, events, { summary, runs: [run(ref, 'run-1')] }))
  }
}

it('an export to a slow reader is read from the store no faster than it is taken, and costs no memory', async () => {
  await fill(service.store, 'long')
  const before = heap()
  let [bytes, rest, lines, events, most, ahead] = [0, '', 0, 0, 0, 0]
  let last: any
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(`${service.url}/v1/threads/long/export`, resolve).on('error', reject).end()
  })
  response.setEncoding('utf8')
  let measured = 0
  for await (const chunk of response) {
    const parts = (rest + (chunk as string)).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) {
      lines += 1
      last = line
      if (line.startsWith('{"type":"event"')) events += 1
    }
    bytes += (chunk as string).length
    ahead = Math.max(ahead, ((readEvents - events) * BYTES) / MB)
    if (bytes - measured > 4 * MB) {
      measured = bytes
      most = Math.max(most, heap() - before)
      // Long enough for a writer that does not wait to run through the whole thread.
      await sleep(50)
    }
    await sleep(1)
  }
  const figures = { exported_mb: Math.round(bytes / MB), lines, most_mb: Math.round(most), ahead_mb: Math.round(ahead) }
  console.info(JSON.stringify(figures))
  expect(JSON.parse(last).counts).toEqual({ messages: EVENTS, runs: 1, dispatches: 1, events: EVENTS, pending: 0 })
  expect(events).toBe(EVENTS)
  expect(bytes).toBeGreaterThan(90 * MB)
  expect(ahead).toBeLessThan(AHEAD_MB)
  expect(most).toBeLessThan(AHEAD_MB)
}, 120_000)

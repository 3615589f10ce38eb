import { performance } from 'node:perf_hooks'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createStore } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import type { ThreadRef } from '../../src/thread/ports.ts'
import { batch, committed, freshRef, loadEpoch } from './batches.ts'
import { said } from './forks.ts'
import { cache_dir } from '../support/cache.ts'

const TRIES = 30
const DEPTH = 40
const EACH = 5

let store: Store
beforeAll(async () => {
  store = await createStore({ cache_dir, timeout_ms: 5_000 })
  await store.migrate()
}, 60_000)
afterAll(() => store.close())

/** The middle one of several times, in ms; the work of both sides in turn, so that both meet the same machine. */
async function medians(...works: (() => Promise<unknown>)[]): Promise<number[]> {
  const times = works.map((): number[] => [])
  for (let n = 0; n < TRIES; n++)
    for (const [index, work] of works.entries()) {
      const start = performance.now()
      await work()
      times[index]?.push(performance.now() - start)
    }
  return times.map((of) => of.sort((a, b) => a - b)[Math.floor(TRIES / 2)] ?? 0)
}

const fork = (source: ThreadRef, at: number, id: string) => store.threads.fork(source.tenant, source.thread_id, at, { id })

async function forkChain(): Promise<ThreadRef> {
  let last: ThreadRef = await said(store, EACH)
  for (let depth = 1; depth < DEPTH; depth++) {
    const next = freshRef(last.tenant)
    await fork(last, depth * EACH, next.thread_id)
    const events = Array.from({ length: EACH }, (_, n) => committed(n + 2, depth * EACH + n + 1))
    const summary = {
      status: 'idle' as const,
      agent_id: null,
      active_run_id: null,
      message_count: (depth + 1) * EACH,
      queue_revision: 0,
    }
    await store.engine.persist(batch(next, await loadEpoch(store, next), events, { summary }))
    last = next
  }
  return last
}

it('a fork costs the same for a short history and for a long one', async () => {
  const [short, long] = [await said(store, 10), await said(store, 4_000)]
  const [of_short = 0, of_long = 0] = await medians(
    () => fork(short, 10, freshRef(short.tenant).thread_id),
    () => fork(long, 4_000, freshRef(long.tenant).thread_id),
  )
  console.info(`fork at message 10: ${of_short.toFixed(2)} ms, at 4000: ${of_long.toFixed(2)} ms`)
  expect(of_long).toBeLessThan(3 * of_short + 1)
}, 60_000)

it('a model step reads a fork of forks as it reads a thread of its own', async () => {
  const [own, chain] = [await said(store, DEPTH * EACH), await forkChain()]
  const texts = async (ref: ThreadRef): Promise<unknown[]> =>
    (await store.conversation.messagesBetween(ref, { after: 0, through: 9_999, limit: 9_999 })).map(({ content }) => content)
  expect(await texts(chain)).toEqual(await texts(own))
  const page = (ref: ThreadRef) => () => store.conversation.listMessages(ref, { order: 'desc', visibility: 'all' }, { limit: 20 })
  const [of_own = 0, of_chain = 0, page_own = 0, page_chain = 0] = await medians(
    () => store.conversation.messagesBetween(own, { after: 0, through: 9_999, limit: 9_999 }),
    () => store.conversation.messagesBetween(chain, { after: 0, through: 9_999, limit: 9_999 }),
    page(own),
    page(chain),
  )
  const told = [of_own, of_chain, page_own, page_chain].map((ms) => ms.toFixed(2))
  console.info(
    `${String(DEPTH * EACH)} messages: own ${told[0]} ms, over ${String(DEPTH)} threads ${told[1]} ms; a page of 20: ${told[2]} and ${told[3]} ms`,
  )
  expect(of_chain).toBeLessThan(3 * of_own + 1)
  expect(page_chain).toBeLessThan(6 * page_own + 1)
}, 60_000)

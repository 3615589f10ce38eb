import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWebhookActivities } from '../../activities/deliver-webhooks.ts'
import { createStore } from '../../src/store/index.ts'
import { StoreUnavailable, type Store } from '../../src/store/store.ts'
import { allowNetworks } from '../../src/webhooks/addresses.ts'
import { batch, event, freshRef, loadEpoch, run } from '../store/batches.ts'
import { startReceiver, type Receiver } from '../support/receiver.ts'
import { cache_dir } from '../support/cache.ts'

let store: Store
let receiver: Receiver
beforeAll(async () => {
  store = await createStore({ cache_dir, timeout_ms: 5_000 })
  await store.migrate()
  receiver = await startReceiver()
}, 60_000)
afterAll(async () => {
  await receiver.close()
  await store.close()
})

const quiet = { debug: () => undefined, warn: () => undefined, error: () => undefined }
const deliver = (id: string, webhooks: Partial<Store['webhooks']> = {}, give_up_ms = 60_000) => {
  const changed = { ...store, webhooks: { ...store.webhooks, ...webhooks } }
  const retry = { first_ms: 1_000, give_up_ms }
  const activities = createWebhookActivities({ store: changed, allowed: allowNetworks(['127.0.0.1']), retry, logger: quiet })
  return new MockActivityEnvironment().run(() => activities.deliverWebhooks({ webhook_id: id }))
}

/** A webhook with so many deliveries that are due. */
async function hook(tenant: string, ends: number): Promise<string> {
  const id = `hook-${tenant}`
  const row = { tenant, id, url: receiver.url, kinds: ['RunFinished' as const], description: null, secret: 's', created_at: 0 }
  await store.webhooks.create(row, 9)
  const ref = freshRef(tenant)
  const epoch = await loadEpoch(store, ref)
  for (let seq = 1; seq <= ends; seq++) {
    const run_id = `run-${String(seq)}`
    const payload = { termination: { type: 'natural_end' }, dispatch_id: run_id, attempt_count: 1 } as never
    const ended = { ...event(seq, 'RunFinished', payload, undefined, run_id), at: Date.now() }
    await store.engine.persist(batch(ref, epoch, [ended], { runs: [run(ref, run_id)] }))
  }
  return id
}
const page = { limit: 99 }
const statuses = async (tenant: string): Promise<string[]> =>
  (await store.webhooks.listDeliveries(tenant, {}, page)).items.map(({ status }) => status)

it('notes every answer that comes, also when another could not be noted', async () => {
  const id = await hook('noted', 8)
  let failed = 0
  const record: Store['webhooks']['record'] = async (key, outcome) => {
    if (failed++ === 0) throw new StoreUnavailable('away for a moment')
    // The others are under way when the first has failed.
    await new Promise((resolve) => setTimeout(resolve, 150))
    await store.webhooks.record(key, outcome)
  }
  await expect(deliver(id, { record })).rejects.toThrow('away for a moment')
  expect((await statuses('noted')).sort()).toEqual([...Array<string>(7).fill('delivered'), 'pending'])
  await deliver(id)
  expect(await statuses('noted')).toEqual(Array(8).fill('delivered'))
})

it('tries a failed delivery once more when it is asked to, and takes no webhook out of use for it', async () => {
  const id = await hook('by-hand', 1)
  receiver.answer = () => ({ status: 500 })
  const [made] = (await store.webhooks.listDeliveries('by-hand', {}, page)).items
  await store.webhooks.record(made!, { status: 'failed', last_status: 500, last_error: 'x' })
  expect(await store.webhooks.retry('another', id, made!.delivery_id)).toBe('not_found')
  expect(await store.webhooks.retry('by-hand', id, 'none')).toBe('not_found')
  const again = await store.webhooks.retry('by-hand', id, made!.delivery_id)
  expect(again).toMatchObject({ status: 'pending', attempts: 1, last_status: 500 })
  expect(await store.webhooks.retry('by-hand', id, made!.delivery_id)).toBe('not_failed')
  // Its own time is over: one try, and no more.
  expect(await deliver(id, {}, 1)).toEqual({ next_at: null })
  expect(await statuses('by-hand')).toEqual(['failed'])
  expect(await store.webhooks.get('by-hand', id)).toMatchObject({ disabled_at: null })
  receiver.answer = () => ({ status: 200 })
  await store.webhooks.retry('by-hand', id, made!.delivery_id)
  await deliver(id, {}, 1)
  expect((await store.webhooks.listDeliveries('by-hand', {}, page)).items).toMatchObject([{ status: 'delivered', attempts: 3 }])
  expect(receiver.told.at(-1)?.delivery).toBe(made!.delivery_id)
  await store.webhooks.disable(id, 'because')
  expect(await store.webhooks.retry('by-hand', id, made!.delivery_id)).toBe('disabled')
})

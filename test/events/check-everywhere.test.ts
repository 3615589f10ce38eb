import { expect, test } from 'vitest'
import { createClient } from '../http/support/client.ts'
import { startService, type Service } from '../http/support/service.ts'
import { batch, committed, loadEpoch } from '../store/batches.ts'
import { checkService } from '../support/check-everywhere.ts'

/** A message that no run has and no checkpoint covers. */
async function breakLog({ store }: Service): Promise<void> {
  const ref = { tenant: 'default', thread_id: 'broken' }
  await store.engine.persist(batch(ref, await loadEpoch(store, ref), [committed(1, 1)]))
}

test('a service whose threads are in order passes, and one broken log among them does not', async () => {
  const service = await startService()
  const client = createClient(service.url)
  for (const thread_id of ['a', 'b']) await client.run('hello', { thread_id })
  await checkService(client)
  await breakLog(service)
  await expect(checkService(client)).rejects.toThrow('no checkpoint covers it')
  await expect(service.close()).rejects.toThrow('no checkpoint covers it')
})

test('a summary that is not what its log says is found out', async () => {
  const service = await startService()
  await createClient(service.url).run('hello', { thread_id: 'a' })
  const { store } = service
  const ref = { tenant: 'default', thread_id: 'a' }
  const epoch = await loadEpoch(store, ref)
  const row = await store.threads.get('default', 'a')
  if (row === null || row === 'deleted') throw new Error('there is no thread')
  const { last_seq } = row
  const summary = { status: 'idle' as const, agent_id: null, active_run_id: null, message_count: 7, queue_revision: 0 }
  const parked = { seq: last_seq + 1, at: 1, kind: 'QueueParked' as const, run_id: null, payload: { pending_count: 0 } }
  await store.engine.persist(batch(ref, epoch, [parked], { summary }))
  await expect(service.close()).rejects.toThrow(/and 7 messages, its log 9 and 2/)
})

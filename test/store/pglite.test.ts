import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { createStore, DataDirInUse, StoreBroken, storeOn, StoreUnavailable } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import { batch, committed, freshRef, loadEpoch } from './batches.ts'
import { storeContract } from './contract.ts'
import { cache_dir } from '../support/cache.ts'

const dir = mkdtempSync(join(tmpdir(), 'weft-pglite-'))
let database: Database
let store: Store

beforeAll(async () => {
  database = await openDatabase({ data_dir: dir, cache_dir, timeout_ms: 10_000, pool_size: 1 })
  store = storeOn(database)
  await store.migrate()
}, 60_000)

afterAll(async () => {
  await store.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('PGlite', () => {
  storeContract(
    () => store,
    () => database,
  )

  it('keeps its rows over a restart, refuses a second opener, and answers nothing once closed', async () => {
    const ref = freshRef()
    const epoch = await loadEpoch(store, ref)
    await store.engine.persist(batch(ref, epoch, [committed(1, 1)]))
    await expect(createStore({ data_dir: dir })).rejects.toThrow(DataDirInUse)
    await store.close()
    await expect(store.ping()).rejects.toThrow(StoreUnavailable)
    store = await createStore({ data_dir: dir, timeout_ms: 10_000 })
    expect(await store.migrate()).toEqual({ applied: [] })
    expect(await store.conversation.messagesBetween(ref, { after: 0, through: 9, limit: 9_999 })).toHaveLength(1)
  }, 30_000)

  it('says in one sentence that a directory is broken', async () => {
    const broken = mkdtempSync(join(tmpdir(), 'weft-broken-'))
    const first = await createStore({ data_dir: broken, cache_dir })
    await first.close()
    writeFileSync(join(broken, 'postgres', 'global', 'pg_control'), 'rubbish')
    const error = await createStore({ data_dir: broken }).then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(StoreBroken)
    expect((error as Error).message).toContain('cannot be opened')
    rmSync(broken, { recursive: true, force: true })
  }, 60_000)
})

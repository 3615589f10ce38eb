import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { beginnings } from '../../src/store/database.ts'
import { createStore } from '../../src/store/index.ts'
import { newCluster, placeOf, unpackCluster, type Beginnings } from '../../src/store/pglite-template.ts'
import { cache_dir } from '../support/cache.ts'

const root = mkdtempSync(join(tmpdir(), 'weft-template-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const packed = (cache: string): string => {
  const [name = '', ...more] = readdirSync(join(cache, 'pglite'))
  expect(more).toEqual([])
  return join(cache, 'pglite', name)
}

/** A cache folder of the test's own, with what the tests' one has. */
async function newCache(): Promise<string> {
  const cache = mkdtempSync(join(root, 'cache-'))
  const shared = beginnings(cache_dir) as Beginnings
  await newCluster(shared)
  const place = await placeOf({ ...shared, cache_dir: cache })
  mkdirSync(dirname(place))
  cpSync(await placeOf(shared), place)
  return cache
}

/** What the store says is true of it: it opens, migrates, keeps what it is given, and opens again. */
async function works(options: { data_dir?: string; cache_dir: string }): Promise<void> {
  const store = await createStore({ ...options, timeout_ms: 10_000 })
  await store.migrate()
  expect((await store.threads.create('default', { id: 'kept' })).status).toBe('created')
  await store.close()
  if (options.data_dir === undefined) return
  const again = await createStore({ ...options, timeout_ms: 10_000 })
  expect((await again.migrate()).applied).toEqual([])
  expect(await again.threads.get('default', 'kept')).toMatchObject({ id: 'kept' })
  await again.close()
}

describe('an empty database that new ones are copied from', () => {
  it('serves directories and memory, and is not changed by what is done with the copies', async () => {
    const cache = await newCache()
    const before = readFileSync(packed(cache))
    await works({ data_dir: join(root, 'one'), cache_dir: cache })
    await works({ data_dir: join(root, 'two'), cache_dir: cache })
    await works({ cache_dir: cache })
    expect(readFileSync(packed(cache)).equals(before)).toBe(true)
    expect(readdirSync(join(root, 'one'))).toEqual(['postgres'])
  }, 60_000)

  it('is made again where it is cut short', async () => {
    const cache = await newCache()
    const sound = readFileSync(packed(cache)).length
    truncateSync(packed(cache), 100_000)
    await works({ data_dir: mkdtempSync(join(root, 'data-')), cache_dir: cache })
    expect(readFileSync(packed(cache)).length).toBeGreaterThan(sound / 2)
  }, 120_000)

  it('is done without where it reads well and does not open, and forgotten', async () => {
    const cache = await newCache()
    const cluster = await newCluster(beginnings(cache))
    const header = 512
    cluster.fill(7, cluster.indexOf('/global/pg_control') + header, cluster.indexOf('/global/pg_control') + 2 * header)
    writeFileSync(packed(cache), gzipSync(cluster, { level: 1 }))
    await works({ data_dir: mkdtempSync(join(root, 'data-')), cache_dir: cache })
    expect(readdirSync(join(cache, 'pglite'))).toEqual([])
  }, 120_000)

  it('is done without where the cache folder cannot be written', async () => {
    const cache = join(root, 'no-folder')
    writeFileSync(cache, 'a file')
    await works({ data_dir: join(root, 'three'), cache_dir: cache })
  }, 60_000)

  it('is made by several at once', async () => {
    const cache = join(root, 'new-cache')
    const made = beginnings(cache)
    const [a, b] = await Promise.all([newCluster(made), newCluster(made)])
    expect(a?.length).toBeGreaterThan(1_000_000)
    expect(b?.length).toBe(a?.length)
    expect(readdirSync(join(cache, 'pglite'))).toHaveLength(1)
  }, 120_000)

  it('leaves no half of a database behind a crash', async () => {
    const data_dir = join(root, 'four')
    const directory = join(data_dir, 'postgres')
    mkdirSync(data_dir)
    // As a process leaves it that was killed in the midst of unpacking.
    await unpackCluster(await newCluster(beginnings(cache_dir)), `${directory}.new`)
    rmSync(join(`${directory}.new`, 'global'), { recursive: true })
    expect(existsSync(directory)).toBe(false)
    await works({ data_dir, cache_dir })
    expect(readdirSync(data_dir)).toEqual(['postgres'])
  }, 60_000)
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import { beginnings } from '../../src/store/database.ts'
import { openPGlite } from '../../src/store/pglite.ts'
import { cache_dir } from '../support/cache.ts'

/** Every statement is run three times at least: as it comes, prepared, and from what was prepared. */
let opened: Awaited<ReturnType<typeof openPGlite>>
beforeAll(async () => {
  opened = await openPGlite(undefined, beginnings(cache_dir))
  await ask('create table t (id int primary key, name text, at bigint, flags text[], data json, yes boolean)')
}, 60_000)
afterAll(() => opened.close())

async function ask(text: string, values: unknown[] = []): Promise<any> {
  return await opened.pglite.query(text, values)
}
const prepared = async (): Promise<number> =>
  (await ask("select count(*)::int as n from pg_prepared_statements where name like 'weft%'")).rows[0].n

it('values of all kinds go in and come out as they do without', async () => {
  const insert = 'insert into t values ($1, $2, $3, $4, $5, $6)'
  const rows = [1, 2, 3, 4].map((id) => ({
    ...{ id, name: id === 3 ? null : `n\u00e4me ${String(id)} 'quoted' \u{1f600}`, at: 2 ** 41 + id },
    ...{ flags: ['a', 'b "c"', `${String(id)}`], data: { deep: [id, null, 'x'] }, yes: id % 2 === 0 },
  }))
  for (const { id, name, at, flags, data, yes } of rows)
    expect((await ask(insert, [id, name, at, flags, data, yes])).affectedRows).toBe(1)
  for (const row of rows) expect((await ask('select * from t where id = $1', [row.id])).rows).toEqual([row])
  for (let n = 0; n < 3; n++) expect((await ask('select * from t where id = $1', [99])).rows).toEqual([])
  for (let n = 0; n < 3; n++) expect((await ask('update t set yes = true')).affectedRows).toBe(4)
})

it('an error is that of the one who asked, and the next statement works', async () => {
  const text = 'insert into t (id) values ($1)'
  await ask(text, [10])
  for (let n = 0; n < 3; n++) await expect(ask(text, [10])).rejects.toMatchObject({ code: '23505' })
  await expect(ask(text, ['no number'])).rejects.toMatchObject({ code: '22P02' })
  expect((await ask(text, [11])).affectedRows).toBe(1)
  await expect(ask('select nothing from nowhere')).rejects.toMatchObject({ code: '42P01' })
})

it('a transaction that fails takes back what was done in it, and nobody else is in it', async () => {
  const text = 'insert into t (id) values ($1)'
  const failed = opened.pglite.transaction(async (tx) => {
    for (const id of [20, 21, 22]) await tx.query(text, [id], {} as never)
    throw new Error('changed my mind')
  })
  const beside = ask(text, [23])
  await expect(failed).rejects.toThrow('changed my mind')
  await beside
  expect((await ask('select id from t where id between 20 and 29')).rows).toEqual([{ id: 23 }])
})

it('a statement whose table has changed is prepared anew', async () => {
  const text = 'select * from u where id = $1'
  await ask('create table u (id int, name text)')
  await ask('insert into u values (1, $1)', ['x'])
  for (let n = 0; n < 3; n++) expect((await ask(text, [1])).rows).toEqual([{ id: 1, name: 'x' }])
  await ask('alter table u add column more int default 7')
  await expect(ask(text, [1])).rejects.toMatchObject({ code: '0A000' })
  for (let n = 0; n < 3; n++) expect((await ask(text, [1])).rows).toEqual([{ id: 1, name: 'x', more: 7 }])
})

it('keeps no more than a bounded number', async () => {
  for (let n = 0; n < 250; n++) for (let time = 0; time < 2; time++) await ask(`select ${String(n)} as n, $1::int as m`, [time])
  expect(await prepared()).toBeLessThanOrEqual(200)
  for (let time = 0; time < 2; time++) expect((await ask('select 3 as n, $1::int as m', [9])).rows).toEqual([{ n: 3, m: 9 }])
})

import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../src/store/database.ts'
import { openMemoryStore } from '../support/memory-store.ts'

let database: Database
beforeAll(async () => {
  ;({ database } = await openMemoryStore())
}, 60_000)
afterAll(() => database.close())

/** Tables that are no tenant's, or whose rows are found without one, each with the reason why that is right. */
const NO_TENANT: Readonly<Record<string, string>> = {
  migrations: 'which files were applied; says nothing of anybody',
  leases: 'what one process does for all tenants, and which process that is',
  secrets: 'what all processes of one installation must agree on; read by this program only',
  agent_versions: 'what weft.config.ts says, by its hash: the same for all tenants',
}
const BY_ID: Readonly<Record<string, string>> = {
  api_keys: 'the key says whose it is: nobody is known before it has been found',
  webhooks: 'the workflow of a webhook has its id only, which is made here and random',
}

/** What of the schema `weft` is nobody's, or may be mixed up: one sentence each. */
async function faults(): Promise<string[]> {
  const { rows } = await database.run((db) =>
    sql<{ name: string; nullable: string | null; in_key: boolean; owner: boolean }>`
      select t.table_name as name, c.is_nullable as nullable,
        exists (
          select 1 from information_schema.table_constraints k join information_schema.key_column_usage u
            on u.constraint_schema = k.constraint_schema and u.constraint_name = k.constraint_name
          where k.table_schema = 'weft' and k.table_name = t.table_name and k.constraint_type = 'PRIMARY KEY' and u.column_name = 'tenant'
        ) as in_key,
        exists (
          select 1 from information_schema.table_constraints k
            join information_schema.constraint_column_usage r
            on r.constraint_schema = k.constraint_schema and r.constraint_name = k.constraint_name
            join information_schema.columns rc
            on rc.table_schema = r.table_schema and rc.table_name = r.table_name and rc.column_name = 'tenant'
          where k.table_schema = 'weft' and k.table_name = t.table_name and k.constraint_type = 'FOREIGN KEY'
            and r.table_schema = 'weft' and r.table_name <> t.table_name
        ) as owner
      from information_schema.tables t
      left join information_schema.columns c
        on c.table_schema = t.table_schema and c.table_name = t.table_name and c.column_name = 'tenant'
      where t.table_schema = 'weft' and t.table_type = 'BASE TABLE' order by t.table_name`.execute(db),
  )
  const names = rows.map(({ name }) => name)
  const stale = Object.keys({ ...NO_TENANT, ...BY_ID }).filter((name) => !names.includes(name))
  return [
    ...stale.map((name) => `${name} is on a list here and no table`),
    ...rows.flatMap(({ name, nullable, in_key, owner }) => {
      if (nullable === null) return owner || name in NO_TENANT ? [] : [`${name} has no tenant and hangs by nothing that has one`]
      if (nullable === 'YES') return [`${name} has rows that may be nobody's`]
      return in_key || name in BY_ID ? [] : [`${name} has a tenant that is no part of its key`]
    }),
  ]
}

const alter = (text: string) => database.run((db) => sql.raw(text).execute(db))

describe('the database', () => {
  it('has no table whose rows are nobody’s, or could be taken for another tenant’s', async () => {
    expect(await faults()).toEqual([])
  })

  it.each([
    ['(id text primary key)', 'has no tenant and hangs by nothing that has one'],
    ['(tenant text, id text primary key)', "has rows that may be nobody's"],
    ['(tenant text not null, id text primary key)', 'has a tenant that is no part of its key'],
    ['(id text primary key references weft.agent_versions)', 'has no tenant and hangs by nothing that has one'],
    ['(tenant text not null, id text, primary key (tenant, id))', null],
    ['(webhook_id text primary key references weft.webhooks)', null],
  ])('a table %s', async (columns, fault) => {
    await alter(`create table weft.another ${columns}`)
    try {
      expect(await faults()).toEqual(fault === null ? [] : [`another ${fault}`])
    } finally {
      await alter('drop table weft.another')
    }
  })
})

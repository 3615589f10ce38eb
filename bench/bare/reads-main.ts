// The floor of a read: Express 5, one route for each list, one query by index, JSON. PGlite on disk stands in the same
// process, as it does in Weft's. Its rows are the very items that Weft answers with, which the parent hands over, so
// both answer with the same bytes. `{ lists, copies }` fills it: each list belongs to a thread, and so many other threads
// have the same. Answers over the channel with the address; ends when the channel closes.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { PGlite } from '@electric-sql/pglite'
import express from 'express'

type Filling = { lists: { list: string; thread: string; items: unknown[] }[]; copies: number }

process.on('disconnect', () => process.exit(0))
// A Ctrl-C reaches the whole group; the parent decides when this ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)

const [{ lists, copies }] = (await once(process, 'message')) as [Filling]
const database = await PGlite.create({ dataDir: String(process.argv[2]) })
await database.exec(
  'create table items (list text, thread text, seq bigint, item json not null, primary key (list, thread, seq))',
)
for (const { list, thread, items } of lists) {
  await database.query(
    `insert into items select $1::text, case when n = 0 then $2::text else $2::text || '-' || n end, e.seq, e.item
     from json_array_elements($3::json) with ordinality as e (item, seq), generate_series(0, $4::int) as n`,
    [list, thread, JSON.stringify(items), copies],
  )
}
await database.exec('analyze items')

const app = express()
app.get('/:list/:thread', async (request, response) => {
  const { list, thread } = request.params
  const limit = Number(request.query['limit'] ?? 50)
  const { rows } = await database.query<{ item: unknown }>(
    'select item from items where list = $1 and thread = $2 order by seq limit $3',
    [list, thread, limit],
  )
  response.json({ items: rows.map(({ item }) => item) })
})
const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}` })
})

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type Connection } from '@temporalio/client'
import pg from 'pg'
import { createStore } from '../../../src/store/index.ts'
import { freePort } from '../../../src/temporal/embedded/ports.ts'
import { checkStore } from '../../support/check-everywhere.ts'
import type { Receiver } from '../../support/receiver.ts'
import { noted, startKillable, type Killable } from './killable.ts'
import type { KillPoint } from './points.ts'
import { Sender } from './sender.ts'
import { untilAtRest } from './storm.ts'
import { keys, repair, tour, unheard, waitForPerson } from './tour.ts'
import { judge } from './verdict.ts'

/** What all visits share. */
export type Place = {
  dir: string
  postgres: string
  temporal: string
  connection: Connection
  receiver: Receiver
  living: Set<Killable>
}
export type Visit = {
  name: string
  /** Where it has died, as it noted itself, and by what, as its parent saw it. */
  died: string[]
  signals: string[]
  problems: string[]
  took_ms: number
  declared: string[]
  called: string[]
  wrote: string[]
  /** What was called first in the repair: a worker that is lost there is missed after a minute. */
  repairs: string[]
}

const REST_MS = 60_000
const TOLD_MS = 30_000

/** One tour in a database, a tenant and a task queue of its own, with a process that dies on the way and another that goes on. */
export async function visit(
  place: Place,
  name: string,
  armed: KillPoint | null,
  random: () => number,
  survey?: (file: string, declared: string[]) => Promise<void>,
): Promise<Visit> {
  const began = Date.now()
  const file = join(place.dir, name)
  writeFileSync(file, '')
  const database_url = await createDatabase(place.postgres, name)
  const port = await freePort()
  const url = `http://127.0.0.1:${String(port)}`
  const problems: string[] = []
  const signals: string[] = []
  let declared: string[] = []
  let ending = false
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => undefined)
  const start = (where: KillPoint | null): Killable => {
    const one = startKillable({
      database_url,
      temporal: place.temporal,
      name,
      port,
      armed: where,
      survey: survey !== undefined,
      file,
    })
    place.living.add(one)
    void one.ready.then((all) => (declared = all ?? declared))
    void one.ended.then(({ signal, code, stderr }) => {
      place.living.delete(one)
      if (ending) return
      signals.push(signal ?? `exit code ${String(code)}: ${stderr}`)
      if (signal === 'SIGKILL') current = start(null)
      else broken.reject(new Error(`${name} ended otherwise: ${signals.join()}`))
    })
    return one
  }
  let current = start(armed)
  const part = (text: string): void => {
    appendFileSync(file, `part ${text}\n`)
  }

  const sender = new Sender([url], random)
  const told = place.receiver.told.length
  await Promise.race([tour(sender, name, place.receiver), broken.promise])
  await unheard(sender, name)
  if ((await untilAtRest(sender, [name], REST_MS)).length > 0) problems.push('it did not come to rest')
  const decide = await waitForPerson(sender, name)
  part('repair')
  problems.push(...(await damageAndRepair(place, database_url, sender, name)))
  part('rest')
  await decide()
  if ((await untilAtRest(sender, [name], REST_MS)).length > 0) problems.push('it did not come to rest after its repair')
  problems.push(...(await judge(url, sender.sent, name)).problems)
  problems.push(...(await untilTold(sender, place, name, told)))
  await keys(sender)
  await survey?.(file, declared)
  const last = current
  last.close()
  await last.ended
  // One that was killed at its end must be able to begin again, and what it has left is in order.
  while (current !== last && (await current.ready) === null) await sleep(10)
  ending = true
  await current.kill()
  const store = await createStore({ database_url })
  await checkStore(store, name).catch((error: unknown) => problems.push(String(error)))
  await store.close()
  for (const wrong of sender.wrong) problems.push(JSON.stringify(wrong))
  return {
    ...{ name, signals: signals.filter((signal) => !signal.startsWith('exit code 0')), problems, declared },
    ...{ died: noted(file, 'died'), called: noted(file, 'called'), wrote: noted(file, 'wrote'), repairs: calledInRepair(file) },
    took_ms: Date.now() - began,
  }
}

async function createDatabase(server: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  await client.query(`create database "${name}"`)
  await client.end()
  return server.replace(/\/postgres$/, `/${name}`)
}

/** Rows go as if by a bad backup, and come back. */
async function damageAndRepair({ connection }: Place, database_url: string, sender: Sender, name: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: database_url })
  await client.connect()
  await client.query(
    `delete from weft.events where thread_id = $1 and kind = 'MessageCommitted' and seq = (select min(seq) from weft.events where thread_id = $1 and kind = 'MessageCommitted')`,
    [name],
  )
  await client.query(`delete from weft.messages where thread_id = $1 and message_seq = 2`, [name])
  await client.query(
    `delete from weft.runs where thread_id = $1 and created_at = (select min(created_at) from weft.runs where thread_id = $1)`,
    [name],
  )
  await repair(sender, name)
  await new Client({ connection }).workflow.execute('reconcileAll', { workflowId: `all-${name}`, taskQueue: name, args: [] })
  // What it has started is a workflow of its own.
  await new Client({ connection }).workflow
    .getHandle(`reconcile:${name}`)
    .result()
    .catch(() => undefined)
  const { rows } = await client.query<{ count: string }>('select count(*) from weft.runs where thread_id = $1', [name])
  await client.end()
  return rows[0]?.count === '0' ? ['its runs did not come back'] : []
}

/** A webhook is told of everything, whatever died: at least once, and nothing stays behind. */
async function untilTold(sender: Sender, { receiver }: Place, name: string, from: number): Promise<string[]> {
  for (const deadline = Date.now() + TOLD_MS; ; await sleep(100)) {
    const { items } = await sender.read('/v1/webhooks/deliveries?status=pending')
    if (items.length === 0) break
    if (Date.now() > deadline) return [`a webhook was not told: ${JSON.stringify(items).slice(0, 300)}`]
  }
  const seen = new Set(receiver.told.slice(from).map(({ delivery }) => delivery))
  const { items } = await sender.read('/v1/webhooks/deliveries?status=delivered&limit=200')
  return items.every(({ delivery_id }: { delivery_id: string }) => seen.has(delivery_id))
    ? []
    : [`${name}: noted as told, but was not`]
}

/** Points that were first come by in the repair. */
function calledInRepair(file: string): string[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  const part = lines.slice(lines.indexOf('part repair'), lines.indexOf('part rest'))
  return part.filter((line) => line.startsWith('called ')).map((line) => line.slice('called '.length))
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { LogEvent } from '../../../src/thread/envelope.ts'
import { startToxiproxy, type Proxy, type Toxic } from '../../support/toxiproxy.ts'
import { deploy, type Deployment } from './deployment.ts'
import { createClient } from '../../http/support/client.ts'
import { shownLog } from '../../support/check-everywhere.ts'
import { startForgetful, type Forgetful } from '../../support/forgetful.ts'
import type { Life } from './lives.ts'
import type { Sender } from './sender.ts'
import { untilAtRest } from './storm.ts'

export const LINKS = ['api-temporal', 'worker-temporal', 'api-postgres', 'worker-postgres'] as const
export type LinkName = (typeof LINKS)[number]
type Link = { proxy: Proxy; forgetful: Forgetful }

/** What is done to a link; `forgotten` and `outage` are no toxics of Toxiproxy. */
const TOXICS: Record<string, Toxic[]> = {
  latency: [{ type: 'latency', attributes: { latency: 300, jitter: 200 } }],
  reset: [{ type: 'reset_peer', attributes: { timeout: 0 } }],
  half_open: [{ type: 'timeout', attributes: { timeout: 0 } }],
  slow_close: [
    { type: 'slow_close', attributes: { delay: 1_500 } },
    { type: 'limit_data', attributes: { bytes: 20_000 } },
  ],
  bandwidth: [{ type: 'bandwidth', attributes: { rate: 8 } }],
  slicer: [{ type: 'slicer', attributes: { average_size: 40, size_variation: 20, delay: 500 } }],
}
export const TROUBLES = [...Object.keys(TOXICS), 'outage', 'forgotten']

/** One trouble, on one link or on several at once. */
/** A rest that comes later than this is worth a look. */
const SLOW_MS = 8_000

export type Cell = { on: readonly LinkName[]; trouble: string }
export const nameOf = ({ on, trouble }: Cell): string => `${on.length === LINKS.length ? 'all' : on.join('+')} ${trouble}`
export type CellFigures = {
  cell: string
  commands: number
  /** From the end of the trouble to the last thread's rest. */
  at_rest_ms: number
  busy: string[]
  /** The slowest answer to one request: a command, and a run that the client waits for. */
  command_ms: number
  run_ms: number
  silence: string
  refused_for_now: number
  /** Commands without any answer. A run that a client has waited for in vain for half a minute is none of them. */
  cut_off: number
}

export type Network = { deployment: Deployment; links: Record<LinkName, Link>; end(): Promise<void> }

/** One API process and one worker, each of which reaches each server by a link of its own. */
export async function deployOnNetwork(): Promise<Network> {
  const toxiproxy = await startToxiproxy()
  const links = {} as Record<LinkName, Link>
  const link = async (name: LinkName, upstream: string): Promise<string> => {
    const proxy = await toxiproxy.proxy(name, upstream)
    const forgetful = await startForgetful(proxy.address)
    links[name] = { proxy, forgetful }
    return forgetful.address
  }
  const deployment = await deploy({ apis: 1, workers: 1 }, {}, async ({ postgres, temporal }) => {
    const way = async (role: 'api' | 'worker'): Promise<Record<string, string>> => {
      const database = new URL(postgres)
      database.host = await link(`${role}-postgres`, database.host)
      return { DATABASE_URL: database.href, TEMPORAL_ADDRESS: await link(`${role}-temporal`, temporal) }
    }
    return { api: await way('api'), worker: await way('worker') }
  })
  return {
    deployment,
    links,
    async end() {
      await deployment.end()
      await Promise.all(Object.values(links).map(({ forgetful }) => forgetful.close()))
      await toxiproxy.stop()
    },
  }
}

/** Load, then the trouble for a while under load, then its end, and what came of it. */
export async function runCell(
  { deployment, links }: Network,
  cell: Cell,
  sender: Sender,
  { lives, toxic_ms, give_up_ms }: { lives: Life[]; toxic_ms: number; give_up_ms: number },
): Promise<CellFigures> {
  const from = sender.sent.length
  const refusedBefore = count(sender, '503')
  const cutBefore = count(sender, 'cut off')
  sender.slowest.clear()
  let over = false
  const lanes = lives.map(async (life) => {
    while (!over) await life.live(3)
  })
  while (sender.sent.length < from + lives.length) await sleep(10)
  await Promise.all(cell.on.map((link) => afflict(links[link], cell.trouble, toxic_ms)))
  const healed = Date.now()
  over = true
  await Promise.all(lanes)
  const busy = await untilAtRest(
    sender,
    lives.map(({ thread_id }) => thread_id),
    Math.max(1, healed + give_up_ms - Date.now()),
  )
  const slowest = (kinds: (kind: string) => boolean): number =>
    Math.max(0, ...[...sender.slowest].flatMap(([kind, ms]) => (kinds(kind) ? [ms] : [])))
  return {
    cell: nameOf(cell),
    commands: sender.sent.length - from,
    at_rest_ms: Date.now() - healed,
    busy,
    command_ms: slowest((kind) => kind !== 'submit'),
    run_ms: slowest((kind) => kind === 'submit'),
    // What the slowest thread has waited for.
    silence: Date.now() - healed < SLOW_MS ? '' : await longestSilence(deployment.urls[0] ?? '', lives, healed),
    refused_for_now: count(sender, '503') - refusedBefore,
    cut_off: count(sender, 'cut off') - cutBefore,
  }
}

async function afflict({ proxy, forgetful }: Link, trouble: string, toxic_ms: number): Promise<void> {
  switch (trouble) {
    case 'forgotten':
      forgetful.forget()
      await sleep(toxic_ms)
      return
    case 'outage':
      await proxy.enable(false)
      await sleep(toxic_ms)
      await proxy.enable(true)
      return
    default:
      for (const toxic of TOXICS[trouble] ?? []) await proxy.add(toxic)
      await sleep(toxic_ms)
      await proxy.clear()
  }
}

/** The longest time without an event since a moment (ms), between which two, and in which thread. */
async function longestSilence(url: string, lives: readonly Life[], since: number): Promise<string> {
  let longest = { ms: 0, between: '' }
  for (const { thread_id } of lives) {
    const log = await shownLog(createClient(url), thread_id)
    const at = (event: LogEvent | undefined): number => new Date(event?.occurred_at ?? Number.NaN).getTime()
    for (const [index, event] of log.entries()) {
      const before = log[index - 1]
      if (before === undefined || at(event) < since) continue
      const ms = at(event) - at(before)
      if (ms > longest.ms) longest = { ms, between: `${thread_id} ${before.kind} → ${event.kind}` }
    }
  }
  return `${longest.between} ${String(longest.ms)} ms`
}

function count({ statuses }: Sender, end: string): number {
  return [...statuses]
    .filter(([said]) => said.endsWith(end) && said !== 'submit cut off')
    .reduce((sum, [, times]) => sum + times, 0)
}

// What the tuning of the embedded Temporal server is worth (src/temporal/embedded/arguments.ts).
//
// The same service twice: once on its embedded server, once on `temporal server start-dev` as it comes. Both servers are
// the same program with a database file; the other one has no dynamic configuration and no pragmas. It gets the search
// attributes and the retention that Weft asks of any server, since they make no difference in speed.
//
// Fair: both services stand side by side on the same machine and take turns, in both orders; the clients are the same. Each
// turn begins with two seconds that do not count, so that what is measured is a service at work and not one that has rested.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SEARCH_ATTRIBUTES } from '../../src/temporal/embedded/arguments.ts'
import { waitUntilHealthy } from '../../src/temporal/embedded/health.ts'
import { freePort } from '../../src/temporal/embedded/ports.ts'
import { spawnServer } from '../../src/temporal/embedded/server-process.ts'
import { temporalCli } from '../../test/support/temporal-cli.ts'
import type { Context, Outcome, Part } from '../part.ts'
import { grid } from '../support/grid.ts'
import { interleave } from '../support/interleave.ts'
import { load } from '../support/load.ts'
import { figures, ratio, roundedAll } from '../support/stats.ts'
import type { Subject, Turn } from '../support/subject.ts'
import { checkRuns } from '../weft/check-runs.ts'
import { startProgram } from '../weft/program.ts'
import { createWeftSubjects } from '../weft/subjects.ts'
import { KINDS, type Kind } from './runs-measure.ts'

const SIZES = { normal: { clients: [1, 8, 32], seconds: 6, rounds: 4 }, short: { clients: [1], seconds: 0.8, rounds: 2 } }
const WARM_TURNS = 10
/** The untuned server may look for tasks twenty times a second, and one that has rested has saved some of that up (ms). */
const LEAD_MS = 2_000
const START_MS = 60_000
const SERVERS = ['untuned', 'embedded'] as const

export const untuned: Part = {
  name: 'untuned',
  about: 'runs on the embedded Temporal server beside runs on one without its tuning (ms)',
  run: measureUntuned,
}

type Cell = { server: (typeof SERVERS)[number]; kind: Kind; clients: number; subject: Subject; turns: Turn[] }

async function measureUntuned(context: Context): Promise<Outcome> {
  const { clients, seconds, rounds } = SIZES[context.short ? 'short' : 'normal']
  const address = await startPlainServer(context)
  const [untuned, embedded] = [await startProgram(context, { env: { TEMPORAL_ADDRESS: address } }), await startProgram(context)]
  const services = { untuned, embedded }
  const subjects = Object.fromEntries(SERVERS.map((name) => [name, createWeftSubjects(services[name].api, WARM_TURNS)]))
  context.atEnd(() => Object.values(subjects).forEach((one) => one.close()))
  const cells = clients.flatMap((count) =>
    KINDS.flatMap((kind) =>
      SERVERS.flatMap((server): Cell[] => {
        const subject = kind === 'new_thread' ? subjects[server]?.fresh : subjects[server]?.warm
        return subject === undefined ? [] : [{ server, kind, clients: count, subject, turns: [] }]
      }),
    ),
  )
  const wrong: string[] = []
  const slice_ms = ((context.seconds ?? seconds) * 1_000) / rounds
  context.report('measuring')
  await interleave(cells, { rounds, signal: context.signal }, async (cell) => {
    await load(cell.subject, cell.clients, LEAD_MS, context.signal)
    const done = await load(cell.subject, cell.clients, slice_ms, context.signal)
    cell.turns.push(...done.turns)
    wrong.push(...done.failures.map((failure) => `${cell.server}, ${cell.kind}: ${failure}`))
  })
  for (const server of SERVERS)
    wrong.push(...(await checkRuns(services[server].api, subjects[server]?.runs ?? new Map())).problems)

  const of = (server: string, kind: string, count: number) => {
    const cell = cells.find((one) => one.server === server && one.kind === kind && one.clients === count)
    return figures(cell?.turns ?? [], count)
  }
  const pairs = clients.flatMap((count) => KINDS.map((kind) => ({ count, kind, name: `${kind}_c${String(count)}` })))
  const compared = pairs.map(({ count, kind, name }) => {
    const [plain, tuned] = [of('untuned', kind, count), of('embedded', kind, count)]
    return { name, plain, tuned, ratio: ratio(tuned.end_p50, plain.end_p50) }
  })
  return {
    table: grid(
      ['run end', 'untuned p50', 'embedded p50', 'ratio', 'untuned p99', 'embedded p99'],
      compared.map((one) => [
        one.name.replaceAll('_', ' '),
        one.plain.end_p50,
        one.tuned.end_p50,
        one.ratio.toFixed(2),
        one.plain.end_p99,
        one.tuned.end_p99,
      ]),
    ),
    notes: ['ratio: embedded / untuned.'],
    json: roundedAll(Object.fromEntries(compared.map(({ name, plain, tuned }) => [name, { untuned: plain, embedded: tuned }]))),
    ratios: Object.fromEntries(compared.map((one) => [`tuned_run_latency_${one.name}`, one.ratio])),
    wrong,
  }
}

/** A development server as anybody starts it, but with a file, since what is compared with it has one. */
async function startPlainServer(context: Context): Promise<string> {
  const [cli, port] = [await temporalCli(), await freePort()]
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-temporal-'))
  const server = await spawnServer(
    cli,
    [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--headless', '--log-level', 'warn'],
      ...['--db-filename', join(directory, 'temporal.db')],
      ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
    ],
    join(directory, 'temporal.log'),
  )
  // A measurement that dies must leave no server behind.
  const orphaned = (): void => {
    if (!server.hasExited()) process.kill(server.pid, 'SIGKILL')
  }
  process.once('exit', orphaned)
  context.atEnd(async () => {
    await server.stop()
    process.off('exit', orphaned)
    rmSync(directory, { recursive: true, force: true })
  })
  await waitUntilHealthy(port, 'default', Date.now() + START_MS, server.hasExited)
  if (server.hasExited()) throw new Error(`Temporal ended at its start: ${server.lastWords()}`)
  return `127.0.0.1:${String(port)}`
}

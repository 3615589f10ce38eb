import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ReconcileStatus } from '../../thread/repair/ports.ts'
import { call, CallFailed } from '../api.ts'
import type { CliIo } from '../io.ts'

type Options = { thread?: string; json?: boolean }
type Started = { id: string; already_running: boolean }
type Status = ReconcileStatus & { id: string }

const FIRST_LOOK_MS = 50
const LOOK_MS = 500
const TELL_MS = 1_000

/** `weft reconcile`: starts a repair and follows it to its end. Exit code 0, 1 when something is lost, 2 when it failed. */
export function addReconcile(program: Command, io: CliIo): void {
  program
    .command('reconcile')
    .description('compare all threads, or one, with the store, mend what is missing and say what is lost')
    .option('--thread <id>', 'only this thread')
    .option('--json', 'print the outcome as one line of JSON')
    .action(async ({ thread, json = false }: Options) => {
      const status = await run(io, thread, json)
      io.out.write(json ? `${JSON.stringify(status)}\n` : summary(status))
      if (status.status === 'failed')
        throw new CallFailed('The repair failed; the Temporal UI shows why. It can be started again.')
      io.exit(status.lost.length > 0 ? 1 : 0)
    })
}

async function run(io: CliIo, thread: string | undefined, quiet: boolean): Promise<Status> {
  for (;;) {
    const body = thread === undefined ? {} : { thread_id: thread }
    const { id, already_running } = await call<Started>(io, 'POST', '/v1/reconcile', body)
    const status = await follow(io, id, quiet)
    // One that was under way may have been past this thread, or for another: after it comes the one that was asked for.
    if (!already_running) return status
  }
}

async function follow(io: CliIo, id: string, quiet: boolean): Promise<Status> {
  let told = Date.now()
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(LOOK_MS, pause * 2)) {
    const status = await call<Status>(io, 'GET', `/v1/reconcile/${encodeURIComponent(id)}`)
    if (status.status !== 'running') return status
    if (!quiet && Date.now() - told >= TELL_MS) {
      told = Date.now()
      io.err.write(`${String(status.threads_seen)} threads seen so far, mended: ${counts(status.mended)}\n`)
    }
    await sleep(pause)
  }
}

function summary({ threads_seen, mended, dropped, lost }: Status): string {
  const lines = [`${String(threads_seen)} threads seen.`, `Mended: ${counts(mended)}.`]
  if (Object.keys(dropped).length > 0) lines.push(`Dropped for their age: ${counts(dropped)}.`)
  if (lost.length === 0) lines.push('Nothing is lost.')
  else lines.push(`Lost (${String(lost.length)}):`, ...lost.map(lostLine))
  return `${lines.join('\n')}\n`
}

function lostLine({ thread_id, what, from_seq, to_seq, ref, kinds, reason }: Status['lost'][number]): string {
  const which = ref ?? (from_seq === 0 ? '' : from_seq === to_seq ? String(from_seq) : `${String(from_seq)} to ${String(to_seq)}`)
  const more = [...(kinds ?? []), ...(reason === undefined ? [] : [reason])].join(', ')
  return `  thread ${thread_id}: ${`${what} ${which}`.trim()}${more === '' ? '' : ` (${more})`}`
}

function counts(of: { [kind: string]: number }): string {
  const kinds = Object.entries(of)
  return kinds.length === 0 ? 'nothing' : kinds.map(([kind, count]) => `${String(count)} ${kind}`).join(', ')
}

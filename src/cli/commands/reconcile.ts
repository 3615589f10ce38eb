import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ReconcileStatus } from '../../thread/repair/ports.ts'
import { call, CallFailed } from '../api.ts'

type Options = { thread?: string; json?: boolean }
type Started = { id: string; already_running: boolean }
type Status = ReconcileStatus & { id: string }

const FIRST_LOOK_MS = 50
const LOOK_MS = 500

/** `weft reconcile`: starts a repair and follows it to its end. Exit code 0, or 1 when something is lost. */
export function addReconcile(program: Command): void {
  program
    .command('reconcile')
    .description('compare all threads, or one, with the store, mend what is missing and say what is lost')
    .option('--thread <id>', 'only this thread')
    .option('--json', 'print the outcome as one line of JSON')
    .action(async ({ thread, json = false }: Options) => {
      const { api } = program.opts<{ api: string }>()
      const status = await run(api, thread, json ? () => undefined : progress)
      process.stdout.write(json ? `${JSON.stringify(status)}\n` : summary(status))
      if (status.status === 'failed')
        throw new CallFailed('The repair failed; the Temporal UI shows why. It can be started again.')
      process.exitCode = status.lost.length > 0 ? 1 : 0
    })
}

async function run(api: string, thread: string | undefined, tell: (status: Status) => void): Promise<Status> {
  for (;;) {
    const body = thread === undefined ? {} : { thread_id: thread }
    const { id, already_running } = await call<Started>(api, 'POST', '/v1/reconcile', body)
    const status = await follow(api, id, tell)
    // One that was under way may have been past this thread, or for another: after it comes the one that was asked for.
    if (!already_running) return status
  }
}

async function follow(api: string, id: string, tell: (status: Status) => void): Promise<Status> {
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(LOOK_MS, pause * 2)) {
    const status = await call<Status>(api, 'GET', `/v1/reconcile/${encodeURIComponent(id)}`)
    if (status.status !== 'running') return status
    tell(status)
    await sleep(pause)
  }
}

function progress({ threads_seen, mended }: Status): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${String(threads_seen)} threads seen, ${counts(mended)} mended`)
}

function summary({ threads_seen, mended, dropped, lost }: Status): string {
  const lines = [`${String(threads_seen)} threads seen.`, `Mended: ${counts(mended)}.`]
  if (Object.keys(dropped).length > 0) lines.push(`Dropped for their age: ${counts(dropped)}.`)
  if (lost.length === 0) lines.push('Nothing is lost.')
  else lines.push(`Lost (${String(lost.length)}):`, ...lost.map(lostLine))
  return `${process.stderr.isTTY ? '\n' : ''}${lines.join('\n')}\n`
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

import { Client, Connection } from '@temporalio/client'
import { Histories } from './histories.ts'
import type { Sender } from './sender.ts'

const EVENTS = 80
const HISTORY = 120
const QUERY_MS = 5_000

/** All that one wants to see of a thread that does not come to rest: as the store, its workflow and the engine tell it. */
export async function portrait(sender: Sender, temporal: string, thread_id: string): Promise<string> {
  const path = `/v1/threads/${thread_id}`
  const connection = await Connection.connect({ address: temporal })
  try {
    const handle = new Client({ connection }).workflow.getHandle(`default/${thread_id}`)
    const ask = (name: string): Promise<unknown> =>
      connection.withDeadline(Date.now() + QUERY_MS, () => handle.query(name)).catch((error: unknown) => String(error))
    const [thread, pending, active] = await Promise.all(['', '/pending', '/runs/active'].map((rest) => sender.read(path + rest)))
    const [view, run, queue] = [await ask('thread'), await ask('active_run'), await ask('pending')]
    const log = await lastEvents(sender, path)
    const commands = sender.sent
      .filter((sent) => sent.thread_id === thread_id)
      .map(
        ({ kind, tries, reply, began, ended }) =>
          `${timeOf(began)} to ${timeOf(ended)} ${kind} ×${String(tries)} ${String(reply?.status ?? 'cut off')}`,
      )
    return [
      `thread ${thread_id}, at ${timeOf(Date.now())}`,
      `commands:\n  ${commands.join('\n  ')}`,
      `store: ${JSON.stringify({ thread, pending, active })}`,
      `workflow: ${JSON.stringify({ view, run, queue })}`,
      `log:\n  ${log.join('\n  ')}`,
      `history:\n  ${(await new Histories(connection).tail(`default/${thread_id}`, HISTORY)).join('\n  ')}`,
    ].join('\n')
  } finally {
    await connection.close()
  }
}

/** Prints the portrait of each thread whose client has waited too long for an answer, once. Returns the way to stop. */
export function watchForSilence(sender: Sender, temporal: string, longest_ms: number): () => void {
  const shown = new Set<string>()
  const look = async (): Promise<void> => {
    const silent = sender.sent.filter(({ began, ended }) => ended === 0 && Date.now() - began > longest_ms)
    for (const { thread_id } of silent) {
      if (shown.has(thread_id)) continue
      shown.add(thread_id)
      console.log(`No answer for ${String(longest_ms)} ms: ${await portrait(sender, temporal, thread_id).catch(String)}`)
    }
  }
  const timer = setInterval(() => void look(), 5_000)
  return () => clearInterval(timer)
}

async function lastEvents(sender: Sender, path: string): Promise<string[]> {
  const lines: string[] = []
  for (let cursor = ''; ;) {
    const { items, next_cursor, has_more } = await sender.read(`${path}/events?limit=200${cursor}`)
    for (const { event_seq, kind, occurred_at, payload } of items)
      lines.push(`${String(event_seq)} ${String(occurred_at)} ${String(kind)} ${JSON.stringify(payload).slice(0, 200)}`)
    if (has_more !== true) return lines.slice(-EVENTS)
    cursor = `&cursor=${String(next_cursor)}`
  }
}

function timeOf(at: number): string {
  return new Date(at).toISOString().slice(11, 23)
}

import type { StepsAhead } from '../../activities/index.ts'
import type { LogEvent } from '../../src/thread/envelope.ts'
import type { Store } from '../../src/store/store.ts'
import { startOpenAiServer, type Answer, type OpenAiServer } from '../support/openai-server.ts'
import { createWorld, type World } from './world.ts'

/** A long answer. */
export const words = Array.from({ length: 200 }, (_, n) => `word${String(n)}`).join(' ')

/** One thread with one message, whose model stands behind a server that always answers so. */
export async function modelWorld(
  store: Store,
  answer: Answer,
  more: { ahead?: StepsAhead } = {},
): Promise<{ here: World; server: OpenAiServer }> {
  const server = await startOpenAiServer({ script: () => answer })
  const openai = { apiKey: null, baseUrl: server.base_url, model: 'm' }
  const here = await createWorld(store, [{ role: 'user', content: 'go' }], {
    providers: { openai, anthropic: { apiKey: null, baseUrl: null, model: null } },
    ...more,
  })
  return { here, server }
}

/** What the live bus has brought of the answer. */
export function streamed(here: World): string {
  return here.frames.flatMap((frame) => (frame.type === 'delta' ? [frame.delta] : [])).join('')
}

/** Tells the bus of an event, by default of the one that interrupts the run. */
export function hint(here: World, kind = 'RunInterrupted', run_id = here.ids.run_id): void {
  const events = [{ event_seq: 9, kind, run_id } as LogEvent]
  here.publish({ type: 'events', thread_id: here.ids.thread_id, last_seq: 9, events })
}

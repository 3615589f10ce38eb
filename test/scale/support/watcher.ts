import { createParser } from 'eventsource-parser'
import type { Balancer } from './balancer.ts'

export type Watched = { text: string; cuts: number; unclean: string[]; termination: unknown }

/**
 * Runs a message and reads its stream to the end of the run, coming back with the last cursor wherever a stream ends
 * before: as docs/http.md tells clients to. A stream that breaks off instead of ending is noted in `unclean`.
 */
export async function runAndWatch(balancer: Balancer, body: object, key: string): Promise<Watched> {
  const watched: Watched = { text: '', cuts: -1, unclean: [], termination: null }
  let run_id = ''
  let last_id = ''
  const parser = createParser({
    onEvent: ({ id, data }) => {
      if (id !== undefined && id !== '') last_id = id
      const event = JSON.parse(data)
      if (event.event_type === 'step_start' || event.event_type === 'stream_reset') watched.text = ''
      if (event.event_type === 'text_delta') watched.text += event.delta
      if (event.event_type === 'run_finish') watched.termination = event.termination
    },
  })
  const read = async (response: Response): Promise<void> => {
    if (response.status !== 200) throw new Error(`the stream answered ${String(response.status)}: ${await response.text()}`)
    run_id = response.headers.get('content-location')?.replace('/v1/runs/', '') ?? run_id
    const decoder = new TextDecoder()
    try {
      for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }))
    } catch (error) {
      watched.unclean.push(String(error))
    }
    parser.reset()
  }
  const accept = { accept: 'text/event-stream' }
  while (watched.termination === null) {
    watched.cuts += 1
    if (run_id === '') await balancer.fetch('POST', '/v1/runs', body, { ...accept, 'idempotency-key': key }, read)
    else
      await balancer.fetch(
        'GET',
        `/v1/runs/${run_id}/stream`,
        undefined,
        last_id === '' ? accept : { ...accept, 'last-event-id': last_id },
        read,
      )
  }
  return watched
}

import { get, type ClientRequest, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export type Viewer = {
  /** All that has come, as text. */
  text(): string
  bytes(): number
  /** Fires at the stream's end, whoever ended it. */
  ended: Promise<void>
  isOpen(): boolean
  close(): void
  /** Reads as fast as it comes from now on. */
  hurry(): void
}

/**
 * Somebody who watches a stream. `bytes_a_second`: takes no more than that, and leaves the rest in the socket.
 * `keep: false`: remembers no text.
 */
export function openViewer(url: string, { bytes_a_second = Infinity, keep = true } = {}): Promise<Viewer> {
  return new Promise((resolve, reject) => {
    const asked: ClientRequest = get(url, { agent: false, headers: { accept: 'text/event-stream' } })
    asked.on('error', reject)
    asked.on('response', (response: IncomingMessage) => {
      if (response.statusCode !== 200) {
        reject(new Error(`answered with ${String(response.statusCode)}`))
        return
      }
      const chunks: string[] = []
      let bytes = 0
      let open = true
      let rate = bytes_a_second
      const ended = new Promise<void>((done) => {
        response.on('close', () => {
          open = false
          done()
        })
      })
      const note = (chunk: Buffer): void => {
        bytes += chunk.length
        if (keep) chunks.push(chunk.toString())
      }
      response.on('error', () => undefined)
      if (rate === Infinity) response.on('data', note)
      else void slowly()
      async function slowly(): Promise<void> {
        response.pause()
        while (open && rate !== Infinity) {
          const chunk = response.read(Math.min(response.readableLength, rate / 10)) as Buffer | null
          if (chunk !== null) note(chunk)
          await sleep(100)
        }
        response.on('data', note)
        response.resume()
      }
      resolve({
        text: () => chunks.join(''),
        bytes: () => bytes,
        ended,
        isOpen: () => open,
        close: () => asked.destroy(),
        hurry: () => void (rate = Infinity),
      })
    })
  })
}

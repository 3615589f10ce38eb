import { setTimeout as sleep } from 'node:timers/promises'
import type { Answered } from '../../http/support/client.ts'

/** Between two looks at an API's /health (ms). */
const LOOK_MS = 150
const GIVE_UP_MS = 150_000
const ANSWER_WITHIN_MS = 60_000

/**
 * What stands in front of the APIs in a real deployment: it asks each for /health and sends requests to those that say
 * yes. A refused connection goes to the next one, since nothing was sent; a 503 is repeated after its Retry-After, with
 * the same key. Anything else that no client should see is noted.
 */
export class Balancer {
  /** What no client behind a balancer should ever see. */
  readonly wrong: unknown[] = []
  readonly statuses = new Map<string, number>()
  readonly #urls: readonly string[]
  readonly #healthy = new Set<string>()
  #turn = 0
  #ended = false
  readonly #looking: Promise<unknown>

  constructor(urls: readonly string[]) {
    this.#urls = urls
    this.#looking = Promise.all(urls.map((url) => this.#look(url)))
  }

  /** The next API in turn, of those that are healthy. */
  async pick(): Promise<string> {
    for (const deadline = Date.now() + GIVE_UP_MS; Date.now() < deadline; await sleep(20)) {
      const able = this.#urls.filter((url) => this.#healthy.has(url))
      const url = able[this.#turn++ % Math.max(1, able.length)]
      if (url !== undefined) return url
    }
    throw new Error('no API is healthy')
  }

  /** One request, until it has an answer that counts. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answered> {
    const json = { accept: 'application/json', ...headers }
    return this.fetch(method, path, body, json, async (response) => {
      const text = await response.text()
      const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '')
      return { status: response.status, headers: response.headers, body: isJson && text !== '' ? JSON.parse(text) : text }
    })
  }

  async fetch<T>(
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const met: string[] = []
    for (const deadline = Date.now() + GIVE_UP_MS; Date.now() < deadline;) {
      const url = await this.pick()
      try {
        const response = await fetch(url + path, {
          method,
          headers: { 'content-type': 'application/json', ...headers },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        })
        this.#note(`${method} ${String(response.status)}`)
        if (response.status < 500) return await read(response)
        const retry_after = Number(response.headers.get('retry-after'))
        const said = await response.text()
        met.push(`${url}: ${said.slice(0, 200)}`)
        if (response.status !== 503 || !(retry_after > 0)) this.wrong.push({ method, path, status: response.status, said })
        await sleep((retry_after || 1) * 1_000)
      } catch (error) {
        const cause = (error as { cause?: { code?: string } }).cause?.code ?? String(error)
        this.#note(`${method} ${cause}`)
        this.#healthy.delete(url)
        met.push(`${url}: ${cause}`)
        if (cause !== 'ECONNREFUSED') this.wrong.push({ method, path, url, error: cause })
      }
    }
    throw new Error(`${method} ${path}: no answer, but ${met.join('; ')}`)
  }

  async end(): Promise<void> {
    this.#ended = true
    await this.#looking
  }

  #note(what: string): void {
    this.statuses.set(what, (this.statuses.get(what) ?? 0) + 1)
  }

  async #look(url: string): Promise<void> {
    while (!this.#ended) {
      const well = await fetch(`${url}/health`, { signal: AbortSignal.timeout(3_000) }).then(
        (response) => response.ok,
        () => false,
      )
      if (well) this.#healthy.add(url)
      else this.#healthy.delete(url)
      await sleep(LOOK_MS)
    }
  }
}

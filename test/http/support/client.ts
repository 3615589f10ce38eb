import { createParser } from 'eventsource-parser'
import { expect } from 'vitest'

export type Answered = { status: number; headers: Headers; body: any }
export type Frame = { id?: string | undefined; data: any }
export type Stream = {
  response: Response
  /** All frames so far. */
  frames: Frame[]
  /** Waits for a frame that fits, or until the stream ends. */
  until(fits: (data: any) => boolean, timeout_ms?: number): Promise<Frame>
  /** Waits for the stream's end; the frames' data. */
  all(timeout_ms?: number): Promise<any[]>
  close(): void
}
export type Client = {
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answered>
  raw(method: string, path: string, init: { body?: string; headers?: Record<string, string> }): Promise<Answered>
  stream(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Stream>
  /** Runs one message to its end. */
  run(content: string, more?: object): Promise<Answered>
}

/** A client without any knowledge of the service but its address, so that the tests can be run against any. */
export function createClient(url: string): Client {
  const request = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> => {
    const init =
      body === undefined
        ? { method, headers }
        : { method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }
    return fetch(url + path, init)
  }
  return {
    call: async (method, path, body, headers) =>
      await read(await request(method, path, body, { accept: 'application/json', ...headers })),
    raw: async (method, path, init) => await read(await fetch(url + path, { method, ...init })),
    stream: async (method, path, body, headers) =>
      follow(await request(method, path, body, { accept: 'text/event-stream', ...headers })),
    run: async (content, more) =>
      await read(
        await request(
          'POST',
          '/v1/runs',
          { agent_id: 'default', messages: [{ role: 'user', content }], ...more },
          { accept: 'application/json' },
        ),
      ),
  }
}

/** A problem document, whole and in itself consistent. */
export function expectProblem(answer: Answered, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body?.code, body: answer.body }).toMatchObject({ status, code })
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(answer.body).toMatchObject({
    type: `/docs/errors#${code}`,
    status,
    title: expect.any(String),
    error: answer.body.detail,
  })
  expect(answer.body.detail).toMatch(/\S+ \S+/)
}

async function read(response: Response): Promise<Answered> {
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, body: isJson && text !== '' ? JSON.parse(text) : text }
}

function follow(response: Response): Stream {
  const frames: Frame[] = []
  const waiting = new Set<() => void>()
  let ended = false
  const wake = (): void => {
    for (const each of waiting) each()
  }
  const parser = createParser({
    onEvent: (event) => {
      frames.push({ id: event.id, data: JSON.parse(event.data) })
      wake()
    },
  })
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  void (async () => {
    for (let chunk = await reader?.read(); chunk?.done === false; chunk = await reader?.read())
      parser.feed(decoder.decode(chunk.value, { stream: true }))
  })()
    .catch(() => undefined)
    .finally(() => {
      ended = true
      wake()
    })

  async function settle(done: () => boolean, timeout_ms: number): Promise<void> {
    const deadline = Date.now() + timeout_ms
    while (!done() && Date.now() < deadline) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now())
        const each = (): void => {
          clearTimeout(timer)
          waiting.delete(each)
          resolve()
        }
        waiting.add(each)
      })
    }
  }

  return {
    response,
    frames,
    async until(fits, timeout_ms = 5_000) {
      await settle(() => ended || frames.some(({ data }) => fits(data)), timeout_ms)
      const found = frames.find(({ data }) => fits(data))
      if (found === undefined) throw new Error(`no such frame came; ${JSON.stringify(frames.map(({ data }) => data))}`)
      return found
    },
    async all(timeout_ms = 10_000) {
      await settle(() => ended, timeout_ms)
      if (!ended) throw new Error(`the stream did not end; ${JSON.stringify(frames.map(({ data }) => data))}`)
      return frames.map(({ data }) => data)
    },
    close: () => void reader?.cancel().catch(() => undefined),
  }
}

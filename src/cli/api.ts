import { setTimeout as sleep } from 'node:timers/promises'
import type { CliIo } from './io.ts'

/** The service did not do what was asked; the message is one sentence for the person who asked. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed'
}

/** Nothing answers at the address. */
export class NoAnswer extends CallFailed {}

type Method = 'GET' | 'POST' | 'DELETE'
const TRIES = 5

/**
 * One call of the service's API; its JSON answer. Where the service says "not now", the call is made again a few times.
 * Throws `CallFailed` for refusals, `NoAnswer` where nothing answers.
 */
export async function call<T>(io: CliIo, method: Method, path: string, body?: object): Promise<T> {
  for (let left = TRIES; ; left--) {
    const response = await request(io, method, path, body)
    const answer: unknown = await response.json().catch(() => null)
    if (response.ok) return answer as T
    const detail = (answer as { detail?: string } | null)?.detail
    if (response.status === 401)
      throw new CallFailed(`${detail ?? 'The service wants a key.'} The command line sends WEFT_API_KEY.`)
    if (response.status !== 503 || left <= 1)
      throw new CallFailed(detail ?? `${method} ${path} was answered with ${String(response.status)}.`)
    await sleep(Math.min(2_000, 1_000 * (Number(response.headers.get('retry-after')) || 1)))
  }
}

async function request(io: CliIo, method: Method, path: string, body: object | undefined): Promise<Response> {
  const headers = { accept: 'application/json', ...io.headers?.() }
  const init =
    body === undefined
      ? { method, headers }
      : { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
  try {
    return await fetch(`${io.url()}${path}`, init)
  } catch {
    throw new NoAnswer(`Nothing answers at ${io.url()}. Is the service running? Another address: --api or WEFT_API.`)
  }
}

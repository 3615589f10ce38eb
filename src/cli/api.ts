import type { CliIo } from './io.ts'

/** The service did not do what was asked; the message is one sentence for the person who asked. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed'
}

/** One call of the service's API; its JSON answer. Throws `CallFailed` for refusals and where nothing answers. */
export async function call<T>(io: CliIo, method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
  const headers = { accept: 'application/json', ...io.headers?.() }
  const init =
    body === undefined
      ? { method, headers }
      : { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
  let response: Response
  try {
    response = await fetch(`${io.url()}${path}`, init)
  } catch {
    throw new CallFailed(`Nothing answers at ${io.url()}. Is the service running? Another address: --api or WEFT_API.`)
  }
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok) return answer as T
  const detail = (answer as { detail?: string } | null)?.detail
  throw new CallFailed(detail ?? `${method} ${path} was answered with ${String(response.status)}.`)
}

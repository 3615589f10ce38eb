/** The service did not do what was asked; the message is one sentence for the person who asked. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed'
}

/** One call of the service's API; its JSON answer. Throws `CallFailed` for refusals and where nothing answers. */
export async function call<T>(api: string, method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
  let response: Response
  try {
    const options = {
      method,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    }
    response = await fetch(new URL(path, api), body === undefined ? options : { ...options, body: JSON.stringify(body) })
  } catch {
    throw new CallFailed(`Nothing answers at ${api}. Is the service running? Another address: --api or WEFT_API.`)
  }
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok) return answer as T
  const detail = (answer as { detail?: string } | null)?.detail
  throw new CallFailed(detail ?? `${method} ${path} was answered with ${String(response.status)}.`)
}

type Page<T> =
  { items: T[]; has_more: boolean; next_cursor?: string | null } | { messages: T[]; has_more: boolean; next_cursor: string }

const PAGE = 200

/** A whole list of Weft's, page after page. */
export async function pages<T>(address: string): Promise<T[]> {
  const all: T[] = []
  let cursor: string | undefined
  do {
    const url = new URL(address)
    url.searchParams.set('limit', String(PAGE))
    if (cursor !== undefined) url.searchParams.set('cursor', cursor)
    const page = await getJson<Page<T>>(url.href)
    all.push(...('items' in page ? page.items : page.messages))
    cursor = page.has_more ? (page.next_cursor ?? undefined) : undefined
  } while (cursor !== undefined)
  return all
}

/** Throws for every answer that is not a good one. */
export async function getJson<T>(address: string): Promise<T> {
  return await askJson<T>(address, { method: 'GET' })
}

export async function postJson<T>(
  address: string,
  body: unknown,
  method = 'POST',
  more: Record<string, string> = {},
): Promise<T> {
  return await askJson<T>(address, {
    method,
    headers: { 'content-type': 'application/json', accept: 'application/json', ...more },
    body: JSON.stringify(body),
  })
}

async function askJson<T>(address: string, init: RequestInit): Promise<T> {
  const response = await fetch(address, init)
  const text = await response.text()
  if (!response.ok) throw new Error(`${String(init.method)} ${address} answered ${String(response.status)}: ${text}`)
  return JSON.parse(text) as T
}

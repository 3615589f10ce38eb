type RunRow = { run_id: string; status: string; termination: { type: string } | null }
type Page = { items: RunRow[]; has_more: boolean; next_cursor?: string | null }

const PAGE = 200

/**
 * What the store says of these runs: how many of them it has as ended by themselves, and a sentence for each of the
 * others. A run that was seen to end but is not stored was not a run.
 */
export async function checkRuns(api: string, run_ids: ReadonlySet<string>): Promise<{ stored: number; problems: string[] }> {
  const rows = new Map<string, RunRow>()
  let cursor: string | undefined
  do {
    const page = await readPage(api, cursor)
    for (const row of page.items) rows.set(row.run_id, row)
    cursor = page.has_more ? (page.next_cursor ?? undefined) : undefined
  } while (cursor !== undefined)
  const problems = [...run_ids].flatMap((run_id) => {
    const row = rows.get(run_id)
    if (row === undefined) return [`The run ${run_id} is not in the store.`]
    if (row.status === 'done' && row.termination?.type === 'natural_end') return []
    return [`The run ${run_id} is ${row.status} in the store (${row.termination?.type ?? 'no end'}).`]
  })
  return { stored: run_ids.size - problems.length, problems }
}

async function readPage(api: string, cursor: string | undefined): Promise<Page> {
  const query = new URLSearchParams({ limit: String(PAGE), ...(cursor === undefined ? {} : { cursor }) })
  const response = await fetch(`${api}/v1/runs?${query.toString()}`)
  if (!response.ok) throw new Error(`GET /v1/runs answered ${String(response.status)}: ${await response.text()}`)
  return (await response.json()) as Page
}

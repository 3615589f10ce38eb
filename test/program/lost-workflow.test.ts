import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createClient } from '../http/support/client.ts'
import { checkService } from '../support/check-everywhere.ts'
import { eventually } from '../support/engine.ts'
import { ask, createPlace } from '../support/program.ts'

let place: ReturnType<typeof createPlace>
beforeEach(() => {
  place = createPlace()
})
afterEach(() => place.clean())

test('a thread that waits goes on although all of the Temporal data were lost', async () => {
  const first = place.start()
  const before = await first.facts
  expect(await ask(before.api, 'lost', '/tool send_email {"to":"a@example.org","subject":"s","body":"b"}')).toContain('waiting')
  first.child.kill('SIGTERM')
  await first.ended
  for (const end of ['', '-wal', '-shm']) rmSync(join(place.dataDir, `temporal.db${end}`), { force: true })

  const { api } = await place.start().facts
  const runs = async () => (await (await fetch(`${api}/v1/threads/lost/runs/latest`)).json()) as Run
  const { waiting } = await runs()
  const { tool_call_id } = waiting?.tickets[0] ?? {}
  const body = JSON.stringify({ tool_call_id, action: 'resume' })
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
  expect((await fetch(`${api}/v1/threads/lost/decision`, init)).status).toBe(202)
  const done = await eventually(async () => {
    const run = await runs()
    return run.status === 'done' ? run : undefined
  })
  expect(done.final_output).toContain('send_email returned')
  await checkService(createClient(api))
})

type Run = { status: string; final_output: string | null; waiting: { tickets: { tool_call_id: string }[] } | null }

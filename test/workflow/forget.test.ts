import { afterAll, beforeAll, expect, test } from 'vitest'
import { forgetDeleted, forgetExecutions } from '../../src/temporal/forget.ts'
import { startSweep } from '../../src/temporal/sweep.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/** What the engine still knows of a thread that was deleted: nothing. */
let temporal: Awaited<ReturnType<typeof startTemporal>>
let engine: Engine
beforeAll(async () => {
  temporal = await startTemporal()
  const settings = { idle_close_ms: 300, continue_as_new_every: 2 }
  engine = await startEngine({ address: temporal.address, cli: temporal.cli, timeout_ms: 30_000, settings })
})
afterAll(async () => {
  await engine.close()
  await temporal.remove()
})

const SECRET = 'the-launch-code-is-0000'

/** Payloads in a history are base64. */
function decoded(history: string | null): string {
  return (history ?? '').replace(/"data": ?"([A-Za-z0-9+/=]+)"/g, (_all, data: string) => Buffer.from(data, 'base64').toString())
}
async function runsOf(thread: string): Promise<string[]> {
  const query = `WorkflowId = 'default/${thread}'`
  const { executions } = await engine.client.workflowService.listWorkflowExecutions({ namespace: 'default', query })
  return executions.map(({ execution }) => execution?.runId ?? '')
}
/** A run's history as text; null when there is none. */
async function historyOf(thread: string, runId: string): Promise<string | null> {
  try {
    return await engine.cli('workflow', 'show', '--workflow-id', `default/${thread}`, '--run-id', runId, '--output', 'json')
  } catch (error) {
    if (/not ?found/i.test(String(error))) return null
    throw error
  }
}
/** A thread whose text stands in several histories: of a chain of hand-overs, and of one begun after an idle close. */
async function talk(thread: string): Promise<string[]> {
  for (let i = 0; i < 3; i += 1) await engine.run(await engine.say(thread, `${SECRET} ${String(i)}`))
  const { status } = await eventually(async () => {
    const described = await engine.client.workflow.getHandle(`default/${thread}`).describe()
    return described.status.name === 'RUNNING' ? undefined : { status: described.status.name }
  })
  expect(status).toBe('COMPLETED')
  await engine.run(await engine.say(thread, `${SECRET} again`))
  return await eventually(async () => {
    const runs = await runsOf(thread)
    return runs.length >= 3 ? runs : undefined
  })
}
/** The server takes its time to delete: it first waits until its queues have come past the closing. */
const WITHIN_MS = 90_000
async function nothingLeft(thread: string, runs: readonly string[]): Promise<void> {
  await eventually(async () => ((await runsOf(thread)).length === 0 ? true : undefined), WITHIN_MS)
  for (const runId of runs) expect(await historyOf(thread, runId)).toBeNull()
  await expect(engine.client.workflow.getHandle(`default/${thread}`).describe()).rejects.toThrow(/not found/i)
}

test('of a deleted thread nothing is left: told at once, or by the worker where the engine could not be told', async () => {
  const [told, untold, other] = [await talk('told'), await talk('untold'), await talk('bystander')]
  const texts = await Promise.all(told.map((runId) => historyOf('told', runId)))
  expect(texts.filter((text) => decoded(text).includes(SECRET)).length).toBeGreaterThanOrEqual(2)
  for (const thread of ['told', 'untold']) await engine.store.threads.delete('default', thread, 'detach')
  await engine.gateway.terminate(engine.ref('told'), 'a test')
  await engine.gateway.forget(engine.ref('told'))
  await nothingLeft('told', told)

  expect(await engine.store.threads.listUnforgotten(99)).toContainEqual(expect.objectContaining(engine.ref('untold')))
  const quiet = { info: () => undefined, warn: () => undefined }
  const stop = startSweep({ store: engine.store, client: engine.client, interval_ms: 500, log: quiet })
  try {
    await nothingLeft('untold', untold)
    const noted = async (): Promise<true | undefined> =>
      (await engine.store.threads.listUnforgotten(99)).length === 0 ? true : undefined
    await eventually(noted)
  } finally {
    await stop()
  }
  expect(await forgetDeleted(engine.store, engine.client, () => false)).toBe(0)
  expect(await forgetExecutions(engine.client, engine.ref('untold'))).toBe(0)
  expect((await runsOf('bystander')).length).toBeGreaterThanOrEqual(other.length)
}, 240_000)

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
async function nothingLeft(thread: string, runs: readonly string[]): Promise<void> {
  await eventually(async () => ((await runsOf(thread)).length === 0 ? true : undefined))
  for (const runId of runs) await eventually(async () => ((await historyOf(thread, runId)) === null ? true : undefined))
  await expect(engine.client.workflow.getHandle(`default/${thread}`).describe()).rejects.toThrow(/not found/i)
}

describe('a deleted thread', () => {
  test('leaves no history behind, of any of its executions', async () => {
    const thread = 'secretive'
    const runs = await talk(thread)
    const texts = await Promise.all(runs.map((runId) => historyOf(thread, runId)))
    expect(texts.filter((text) => decoded(text).includes(SECRET)).length).toBeGreaterThanOrEqual(2)
    const other = await talk('bystander')
    await engine.store.threads.delete('default', thread, 'detach')
    await engine.gateway.terminate(engine.ref(thread), 'a test')
    await engine.gateway.forget(engine.ref(thread))
    await nothingLeft(thread, runs)
    expect((await runsOf('bystander')).length).toBeGreaterThanOrEqual(other.length)
  }, 90_000)

  test('is forgotten by the worker where the engine could not be told, and looked at until nothing is left', async () => {
    const thread = 'late'
    const runs = await talk(thread)
    await engine.store.threads.delete('default', thread, 'detach')
    expect(await engine.store.threads.listUnforgotten(99)).toContainEqual(engine.ref(thread))
    const quiet = { info: () => undefined, warn: () => undefined }
    const stop = startSweep({ store: engine.store, client: engine.client, interval_ms: 100, log: quiet })
    try {
      await nothingLeft(thread, runs)
      await eventually(async () => ((await engine.store.threads.listUnforgotten(99)).length === 0 ? true : undefined))
    } finally {
      await stop()
    }
    expect(await forgetDeleted(engine.store, engine.client, () => false)).toBe(0)
    expect(await forgetExecutions(engine.client, engine.ref(thread))).toBe(0)
  }, 90_000)
})

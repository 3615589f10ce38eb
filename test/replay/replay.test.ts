import { WorkflowNotFoundError } from '@temporalio/client'
import { Worker } from '@temporalio/worker'
import type { temporal } from '@temporalio/proto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleThreadWorkflow, PAYLOAD_CONVERTER } from '../../src/temporal/workflow-bundle.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/** What a thread did must come out the same when its history is replayed, or a restart would break it. */
let server: Awaited<ReturnType<typeof startTemporal>>
let engine: Engine
beforeAll(async () => {
  server = await startTemporal()
  engine = await startEngine({
    address: server.address,
    cli: server.cli,
    settings: { continue_as_new_every: 6, idle_close_ms: 1_000 },
  })
})
afterAll(async () => {
  await engine.close()
  await server.remove()
})

async function live(thread: string): Promise<void> {
  await engine.run(await engine.say(thread, 'hello'))
  await engine.run(await engine.say(thread, '/fail 1 503\n/tool get_weather {"city":"Oslo"}\n/tool sleep {"ms":20}'))
  const waiting = await engine.say(thread, '/tool send_email {"to":"a@example.com","subject":"s","body":"b"}')
  const run = await engine.run(waiting, ({ status }) => status === 'waiting')
  await engine.send(thread, { type: 'decision', action: 'resume', tool_call_id: run.waiting?.tickets[0]?.tool_call_id ?? '' })
  await engine.run(waiting)
  const slow = await engine.say(thread, '/slow 5000\none two three four')
  await engine.run(slow, ({ status }) => status === 'running')
  await engine.say(thread, 'queued')
  await engine.client.workflow.getHandle(`default/${thread}`).signal('submit', 'garbage')
  await engine.send(thread, { type: 'interrupt', mode: 'graceful', queue: 'keep' })
  await engine.run(await engine.say(thread, 'last', { mode: 'foreground' }))
}

async function histories(workflowId: string): Promise<{ workflowId: string; history: temporal.api.history.v1.IHistory }[]> {
  const listed = await engine.client.workflowService.listWorkflowExecutions({
    namespace: 'default',
    query: `WorkflowId = '${workflowId}'`,
  })
  const runs = (listed.executions ?? []).map(({ execution }) => execution?.runId ?? '')
  return Promise.all(
    runs.map(async (runId) => ({
      workflowId,
      history: await engine.client.workflow.getHandle(workflowId, runId).fetchHistory(),
    })),
  )
}

async function replay(all: Awaited<ReturnType<typeof histories>>, code: string): Promise<string[]> {
  const options = { workflowBundle: { code }, dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER } }
  const errors: string[] = []
  for await (const { error } of Worker.runReplayHistories(options, all)) if (error !== undefined) errors.push(error.message)
  return errors
}

test('every execution of a full life replays, and a changed workflow is caught', async () => {
  await live('replayed')
  const all = await eventually(async () => {
    const found = await histories('default/replayed')
    return found.length > 1 ? found : undefined
  })
  const code = await bundleThreadWorkflow()
  expect(await replay(all, code)).toEqual([])
  // The same histories against code that persists by another activity: a violation, if this test can see one.
  expect((await replay(all, code.replaceAll('.persist(', '.loadThread('))).length).toBeGreaterThan(0)
})

test('threads that were asked while they began replay too', async () => {
  await engine.stopWorker()
  const threads = Array.from({ length: 40 }, (_, index) => `asked-${String(index)}`)
  const said = threads.map((thread) => engine.say(thread, 'hello'))
  // The first task carries the query, is done as soon as it is answered, and the load may have ended just before.
  const asked = threads.map((thread) =>
    eventually(() => engine.client.workflow.getHandle(`default/${thread}`).query('thread').catch(unlessThere)),
  )
  await Promise.all(threads.map((thread) => eventually(() => exists(`default/${thread}`))))
  await engine.startWorker()
  await Promise.all([...(await Promise.all(said)).map((run_id) => engine.run(run_id)), ...asked])
  const all = (await Promise.all(threads.map((thread) => histories(`default/${thread}`)))).flat()
  expect(all.length).toBeGreaterThanOrEqual(threads.length)
  expect(await replay(all, await bundleThreadWorkflow())).toEqual([])
})

async function exists(workflowId: string): Promise<true | undefined> {
  return engine.client.workflow
    .getHandle(workflowId)
    .describe()
    .then(() => true as const)
    .catch(unlessThere)
}

function unlessThere(error: unknown): undefined {
  if (error instanceof WorkflowNotFoundError) return undefined
  throw error
}

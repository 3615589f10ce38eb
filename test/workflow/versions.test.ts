import { Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createStore } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import { startOptions } from '../../src/temporal/names.ts'
import { moveStranded } from '../../src/temporal/versions.ts'
import { bundleThreadWorkflow, PAYLOAD_CONVERTER } from '../../src/temporal/workflow-bundle.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'
import { cache_dir } from '../support/cache.ts'

/** Two versions of the workflow code side by side; the newer one cannot replay what the older one did. */
const APPROVAL = '/tool send_email {"to":"a@example.com","subject":"s"}'
const OLD = { deployment: 'weft', build_id: 'old' }
const NEW = { deployment: 'weft', build_id: 'new' }

let server: Awaited<ReturnType<typeof startTemporal>>
let store: Store
let old: Engine
let newer: Engine
let code: { old: string; new: string }
beforeAll(async () => {
  server = await startTemporal()
  store = await createStore({ cache_dir, timeout_ms: 900 })
  await store.migrate()
  const bundle = await bundleThreadWorkflow()
  // Another order of commands: the thread is loaded by a normal activity where it was a local one.
  code = { old: bundle, new: bundle.replaceAll('quick.loadThread(', 'patient.loadThread(') }
  expect(code.new).not.toBe(code.old)
  const common = { address: server.address, cli: server.cli, store, settings: { idle_close_ms: 2_000, continue_as_new_every: 5 } }
  old = await startEngine({ ...common, version: OLD, workflow_code: code.old })
  await makeCurrent(old, OLD.build_id)
  newer = await startEngine({ ...common, version: NEW, workflow_code: code.new })
}, 120_000)
afterAll(async () => {
  await old.close()
  await newer.close()
  await store.close()
  await server.remove()
})

async function makeCurrent({ client }: Engine, buildId: string): Promise<void> {
  await eventually(async () => {
    const request = { namespace: 'default', deploymentName: 'weft', buildId }
    // The server refuses a version that it has not heard of yet.
    return client.workflowService.setWorkerDeploymentCurrentVersion(request).catch(() => undefined)
  }, 40_000)
}

/** The builds that have done the tasks of a thread's executions, in order, and tasks that failed. */
async function lifeOf(thread_id: string): Promise<{ builds: string[][]; failed: string[] }> {
  const { executions } = await newer.client.workflowService.listWorkflowExecutions({
    namespace: 'default',
    query: `WorkflowId = 'default/${thread_id}'`,
  })
  const life: { builds: string[][]; failed: string[] } = { builds: [], failed: [] }
  for (const { execution } of (executions ?? []).toReversed()) {
    const { events } = await newer.client.workflow.getHandle(`default/${thread_id}`, execution?.runId ?? '').fetchHistory()
    const builds = (events ?? []).flatMap((event) => event.workflowTaskCompletedEventAttributes?.deploymentVersion?.buildId ?? [])
    life.builds.push([...new Set(builds)])
    life.failed.push(
      ...(events ?? []).flatMap(({ workflowTaskFailedEventAttributes: failed }) =>
        // A reset is written down as a failure of a task, and so is an end that more input has come before.
        failed == null || failed.failure?.message === 'UnhandledCommand' || failed.newRunId !== ''
          ? []
          : [failed.failure?.message ?? String(failed.cause)],
      ),
    )
  }
  return life
}

async function waitForPerson(thread_id: string): Promise<{ run_id: string; tool_call_id: string }> {
  return ticketOf(await old.say(thread_id, APPROVAL))
}

async function ticketOf(run_id: string): Promise<{ run_id: string; tool_call_id: string }> {
  const run = await old.run(run_id, ({ status }) => status === 'waiting')
  return { run_id, tool_call_id: run.waiting?.tickets[0]?.tool_call_id ?? '' }
}

test('the new code cannot replay what the old one has done', async () => {
  await old.run(await old.say('replayed', 'hello'))
  const history = await old.client.workflow.getHandle('default/replayed').fetchHistory()
  const replay = async (bundle: string): Promise<number> => {
    const options = { workflowBundle: { code: bundle }, dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER } }
    let errors = 0
    for await (const { error } of Worker.runReplayHistories(options, [{ workflowId: 'default/replayed', history }]))
      errors += error === undefined ? 0 : 1
    return errors
  }
  expect([await replay(code.old), await replay(code.new)]).toEqual([0, 1])
})

test('threads end on the version they began on, and new ones begin on the current one', { timeout: 120_000 }, async () => {
  const stays = await waitForPerson('stays')
  const stranded = await waitForPerson('stranded')
  // One that has been handed over: its later executions begin pinned.
  for (const word of ['one', 'two', 'three', 'four', 'five', 'six']) await old.run(await old.say('long', word))
  const long = await waitForPerson('long')
  // One whose first task came after a signal.
  await old.client.workflow.signalWithStart('thread', {
    ...startOptions(old.ref('signalled'), 'weft'),
    args: [],
    signal: 'submit',
    signalArgs: [{ mode: 'queue', messages: [{ role: 'user', content: APPROVAL }] }],
  })
  const signalled = await ticketOf(
    await eventually(async () => (await old.log('signalled')).find(({ kind }) => kind === 'RunWaiting')?.run_id ?? undefined),
  )
  await old.run(await old.say('idle', 'hello'))
  await makeCurrent(newer, NEW.build_id)

  await newer.run(await newer.say('fresh', 'hello'))
  await newer.send('stays', { type: 'decision', action: 'resume', tool_call_id: stays.tool_call_id })
  expect(await newer.run(stays.run_id)).toMatchObject({ termination: { type: 'natural_end' } })
  expect(await lifeOf('fresh')).toEqual({ builds: [['new']], failed: [] })
  expect(await lifeOf('stays')).toEqual({ builds: [['old']], failed: [] })

  // An idle thread closes, and its next command finds the current version.
  const handle = newer.client.workflow.getHandle('default/idle')
  await eventually(async () => ((await handle.describe()).status.name === 'COMPLETED' ? true : undefined), 30_000)
  await newer.run(await newer.say('idle', 'again'))
  expect(await lifeOf('idle')).toEqual({ builds: [['old'], ['new']], failed: [] })

  // The old version's last worker goes; what still waits there is moved as soon as that is seen.
  await old.stopWorker()
  let moved = 0
  await eventually(async () => {
    await newer.run(await newer.say('fresh', 'so that the new worker asks for work'))
    moved += await moveStranded(newer.client, NEW, { silence_ms: 3_000 })
    return moved >= 3 ? true : undefined
  }, 60_000)
  for (const [thread, { run_id, tool_call_id }] of Object.entries({ stranded, long, signalled })) {
    await newer.send(thread, { type: 'decision', action: 'resume', tool_call_id })
    expect(await newer.run(run_id)).toMatchObject({ termination: { type: 'natural_end' } })
    const { builds, failed } = await lifeOf(thread)
    expect({ thread, last: builds.at(-1), failed }).toEqual({ thread, last: ['new'], failed: [] })
    // Neither a hand-over nor a reset loses whose thread it is.
    const { raw } = await newer.client.workflow.getHandle(`default/${thread}`).describe()
    expect(raw.workflowExecutionInfo?.priority).toMatchObject({ fairnessKey: 'default' })
  }
  // What was moved is pinned again, so the next version cannot break it either.
  await newer.run(await newer.say('stranded', 'and on'))
  await eventually(async () => {
    await moveStranded(newer.client, NEW, { silence_ms: 60_000 })
    const { executions } = await newer.client.workflowService.listWorkflowExecutions({
      namespace: 'default',
      query: `ExecutionStatus = 'Running' AND TemporalWorkflowVersioningBehavior = 'AutoUpgrade'`,
    })
    return (executions ?? []).length === 0 ? true : undefined
  })
  for (const thread of ['stranded', 'long', 'signalled', 'stays', 'idle', 'fresh'])
    expect((await lifeOf(thread)).failed).toEqual([])
})

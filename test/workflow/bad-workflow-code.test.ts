import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleThreadWorkflow } from '../../src/temporal/workflow-bundle.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/**
 * Workflow code that fails in ways of which the SDK's thread must tell: by an endless loop, where one watchdog guards all
 * calls of an activation, and before a workflow is there, which its first activation does not wait for.
 */
let server: Awaited<ReturnType<typeof startTemporal>>
let engine: Engine
beforeAll(async () => {
  server = await startTemporal()
  const code = await bundleThreadWorkflow()
  const spinning = code.replace('signal(type, raw) {', `signal(type, raw) { if (type === 'spin') for (;;);`)
  expect(spinning).not.toBe(code)
  const stillborn = `{ if (options.info.workflowId === 'default/stillborn') throw new TypeError('stillborn');`
  const workflow_code = spinning.replace('function initRuntime(options) {', `function initRuntime(options) ${stillborn}`)
  expect(workflow_code).not.toBe(spinning)
  engine = await startEngine({ address: server.address, cli: server.cli, workflow_code })
})
afterAll(async () => {
  await engine.close()
  await server.remove()
})

test('an endless loop in one thread fails its task, and the others go on', async () => {
  const first = await engine.say('spinning', 'hello')
  await engine.run(first)
  await engine.client.workflow.getHandle('default/spinning').signal('spin', {})
  await taskFailed('default/spinning', /execution timed out/i)
  const other = await engine.say('another', 'hello')
  expect((await engine.run(other)).termination).toEqual({ type: 'natural_end' })
}, 60_000)

test('a workflow that cannot be created fails its first task, and the others go on', async () => {
  void engine.say('stillborn', 'hello').catch(() => undefined)
  await taskFailed('default/stillborn', /stillborn/)
  const other = await engine.say('after-stillborn', 'hello')
  expect((await engine.run(other)).termination).toEqual({ type: 'natural_end' })
}, 60_000)

async function taskFailed(workflow_id: string, message: RegExp): Promise<void> {
  await eventually(async () => {
    // It may not have been started yet.
    const history = await engine.client.workflow
      .getHandle(workflow_id)
      .fetchHistory()
      .catch(() => null)
    const failed = history?.events?.find((event) => event.workflowTaskFailedEventAttributes != null)
    return message.test(failed?.workflowTaskFailedEventAttributes?.failure?.message ?? '') ? true : undefined
  }, 30_000)
}

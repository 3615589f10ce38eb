import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleThreadWorkflow } from '../../src/temporal/worker.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/** Workflow code with an endless loop in it: one watchdog guards all calls of an activation, and it must bite. */
let server: Awaited<ReturnType<typeof startTemporal>>
let engine: Engine
beforeAll(async () => {
  server = await startTemporal()
  const code = await bundleThreadWorkflow()
  const workflow_code = code.replace('signal(type, raw) {', `signal(type, raw) { if (type === 'spin') for (;;);`)
  expect(workflow_code).not.toBe(code)
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
  await eventually(async () => {
    const { events } = await engine.client.workflow.getHandle('default/spinning').fetchHistory()
    const failed = events?.find((event) => event.workflowTaskFailedEventAttributes != null)
    return /execution timed out/i.test(failed?.workflowTaskFailedEventAttributes?.failure?.message ?? '') ? true : undefined
  }, 30_000)
  const other = await engine.say('another', 'hello')
  expect((await engine.run(other)).termination).toEqual({ type: 'natural_end' })
}, 60_000)

import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultConfig } from '../../src/agent/default-config.ts'
import { checkLog } from '../support/check-log.ts'
import { eventually, startEngine, startTemporal, type Engine } from '../support/engine.ts'

/** Threads hand over at every other command here, so also in the middle of a run. */
let server: Awaited<ReturnType<typeof startTemporal>>
let engine: Engine
const calls: string[] = []
beforeAll(async () => {
  const { sleep } = defaultConfig.tools ?? {}
  server = await startTemporal()
  engine = await startEngine({
    ...{ address: server.address, cli: server.cli },
    config: {
      ...defaultConfig,
      tools: { ...defaultConfig.tools, sleep: { ...sleep, repeatable: false } },
    } as typeof defaultConfig,
    settings: { continue_as_new_every: 2 },
    wrap: (activities) => ({
      ...activities,
      runTool: (input) => {
        calls.push(`tool ${String(input.step)}/${String(input.attempt)}`)
        return activities.runTool(input)
      },
      runModelStep: (input) => {
        calls.push(`model ${String(input.step)}/${String(input.attempt)}`)
        return activities.runModelStep(input)
      },
    }),
  })
})
afterAll(async () => {
  await engine.close()
  await server.remove()
})

test('an execution that was handed a state and is reset to its beginning takes the store’s word, and repeats no tool', async () => {
  const thread = 'reset'
  await engine.run(await engine.say(thread, 'one'))
  calls.length = 0
  const run_id = await engine.say(thread, '/tool sleep {"ms":60000}')
  await eventually(() => (calls.includes('tool 1/1') ? true : undefined))
  const handle = engine.client.workflow.getHandle(`default/${thread}`)
  const begun = (await handle.fetchHistory()).events?.[0]?.workflowExecutionStartedEventAttributes
  expect(begun?.continuedExecutionRunId, 'it was handed over').toBeTruthy()
  await engine.cli('workflow', 'reset', '--workflow-id', `default/${thread}`, '--type', 'FirstWorkflowTask', '--reason', 'test')
  // Whether the tool did its work nobody knows, so a person is asked.
  const { waiting } = await engine.run(run_id, (run) => run.status === 'waiting')
  expect(waiting?.tickets).toHaveLength(1)
  expect(calls).toEqual(['model 1/1', 'tool 1/1'])
  checkLog(await engine.log(thread))
})

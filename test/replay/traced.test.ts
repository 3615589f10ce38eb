import { Worker } from '@temporalio/worker'
import { expect, test } from 'vitest'
import { bundleThreadWorkflow, PAYLOAD_CONVERTER } from '../../src/temporal/workflow-bundle.ts'
import { readHistories } from './support/histories.ts'

/** Of what workflows/tracing.ts brings along. */
const MARK = '_weft-origin'

test('a bundle has what hands traces on only where it is asked for', async () => {
  expect(await bundleThreadWorkflow()).not.toContain(MARK)
  expect(await bundleThreadWorkflow({ tracing: true })).toContain(MARK)
}, 120_000)

test('histories recorded without traces replay with them', async () => {
  const code = await bundleThreadWorkflow({ tracing: true })
  const options = { workflowBundle: { code }, dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER } }
  const histories = readHistories()
  const found: string[] = []
  let at = 0
  for await (const { error } of Worker.runReplayHistories(options, histories)) {
    if (error !== undefined) found.push(`${histories[at]?.name ?? '?'}: ${error.message}`)
    at += 1
  }
  expect(at).toBe(histories.length)
  expect(found).toEqual([])
}, 120_000)

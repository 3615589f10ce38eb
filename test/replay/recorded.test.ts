import { readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Worker } from '@temporalio/worker'
import { beforeAll, describe, expect, test } from 'vitest'
import { bundleThreadWorkflow, PAYLOAD_CONVERTER } from '../../src/temporal/workflow-bundle.ts'
import { ROOT } from '../support/sources.ts'
import { BEHAVIOURS } from './behaviours/index.ts'
import { HISTORIES, readHistories, type Recorded } from './support/histories.ts'
import { SABOTAGE, sabotaged } from './support/sabotage.ts'

/**
 * What workflows did when the histories were recorded must come out the same of today's code. Where this fails, living
 * threads would fail after an update: guard the change by `patched`, see CONTRIBUTING.md.
 */
const ALL = process.env['WEFT_REPLAY'] === 'long'
const MAX_BYTES = 4 * 1024 * 1024
let code: string
let histories: Recorded[]
beforeAll(async () => {
  code = await bundleThreadWorkflow()
  histories = readHistories()
})

/** The names of those that do not replay, with the reason. */
async function violations(bundle: string, of: readonly Recorded[] = histories): Promise<string[]> {
  const options = { workflowBundle: { code: bundle }, dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER } }
  const found: string[] = []
  // In their order, one result each.
  let at = 0
  for await (const { error } of Worker.runReplayHistories(options, of)) {
    if (error !== undefined) found.push(`${of[at]?.name ?? '?'}: ${error.message}`)
    at += 1
  }
  expect(at).toBe(of.length)
  return found
}

test('every behaviour has its histories, and no history is of another', () => {
  expect(BEHAVIOURS.size).toBeGreaterThanOrEqual(55)
  const recorded = new Set(histories.map(({ name }) => name.replace(/\.\d+$/, '')))
  expect([...BEHAVIOURS.keys()].filter((name) => !recorded.has(name))).toEqual([])
  expect([...recorded].filter((name) => !BEHAVIOURS.has(name))).toEqual([])
})

test('every recorded history replays', async () => {
  expect(await violations(code)).toEqual([])
}, 120_000)

describe('the same histories catch a changed workflow', () => {
  test.each(SABOTAGE.map((sabotage) => [sabotage.what, sabotage] as const))(
    '%s',
    async (_what, sabotage) => {
      const shown = histories.filter(({ name }) => ALL || sabotage.seen.some((behaviour) => name.startsWith(`${behaviour}.`)))
      const found = await violations(sabotaged(code, sabotage), shown)
      if (ALL) console.log(`${sabotage.what}: ${String(found.length)} of ${String(shown.length)} histories do not replay`)
      const seen = sabotage.seen.filter((behaviour) => found.some((text) => text.startsWith(`${behaviour}.`)))
      expect(seen).toEqual(sabotage.seen)
    },
    120_000,
  )
})

test('the files tell nothing of the machine that they were made on, and are small', () => {
  const texts = readdirSync(HISTORIES).map((name) => readFileSync(join(HISTORIES, name), 'utf8'))
  expect(texts.reduce((sum, text) => sum + text.length, 0)).toBeLessThan(MAX_BYTES)
  for (const text of texts) {
    const decoded = text.replace(/"data":"([A-Za-z0-9+/=]+)"/g, (_all, data: string) => Buffer.from(data, 'base64').toString())
    expect(decoded).not.toContain(ROOT)
    expect(decoded).not.toContain(hostname())
    expect(decoded).not.toMatch(/node_modules|"identity":"(?!recorder")|file:\/\//)
  }
})

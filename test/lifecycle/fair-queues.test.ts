import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startEmbeddedTemporal } from '../../src/temporal/embedded/embedded.ts'
import { temporalCli } from '../support/temporal-cli.ts'

const places: string[] = []
afterEach(() => {
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true })
})

/** Whether each server on one data directory was told to take tenants in turns. */
async function fairness(...wanted: (boolean | undefined)[]): Promise<boolean[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'weft-fair-'))
  places.push(dataDir)
  const cli = await temporalCli()
  const told: boolean[] = []
  for (const fair of wanted) {
    const server = await startEmbeddedTemporal({ cli, dataDir, port: 0, uiPort: null, ...(fair === undefined ? {} : { fair }) })
    const line = execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(server.pid())], { encoding: 'utf8' })
    told.push(line.includes('matching.enableFairness=true'))
    await server.stop()
  }
  return told
}

test('a new data directory has fair queues, and keeps them', { timeout: 120_000 }, async () => {
  expect(await fairness(undefined, undefined)).toEqual([true, true])
})

test('one that was used without goes on without, so that nothing that waits in it is lost', { timeout: 120_000 }, async () => {
  expect(await fairness(false, undefined)).toEqual([false, false])
})

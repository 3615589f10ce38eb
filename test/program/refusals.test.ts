import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPlace, processesOf } from '../support/program.ts'

let place: ReturnType<typeof createPlace>
let blocker: Server
let takenPort: string
beforeEach(async () => {
  place = createPlace()
  blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  const address = blocker.address()
  takenPort = String(typeof address === 'object' ? address?.port : '')
})
afterEach(() => {
  blocker.close()
  place.clean()
})

/** One sentence on standard error, nothing on standard output, exit code 1, and nothing left running. */
async function refusal(env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await place.start({ LOG_LEVEL: 'error', ...env }).ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(processesOf(join(place.dir, 'data', 'temporal.db'))).toEqual([])
  return stderr
}

test('a second process on one data directory', async () => {
  const first = place.start()
  const { pid } = await first.facts
  const { code, stdout, stderr } = await place.start().ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(new RegExp(`^The data directory .* is in use by another Weft process \\(pid ${pid}\\).*\\n$`))
  first.child.kill('SIGTERM')
  expect((await first.ended).code).toBe(0)
})

test('a taken port of the API', async () => {
  expect(await refusal({ PORT: takenPort })).toMatch(`Port ${takenPort} for the API is taken by another program; set PORT`)
})

test('a taken port of the Temporal server', async () => {
  expect(await refusal({ WEFT_TEMPORAL_PORT: takenPort })).toMatch(`Port ${takenPort} for the Temporal server is taken`)
  expect(await refusal({ WEFT_TEMPORAL_UI_PORT: takenPort })).toMatch('set WEFT_TEMPORAL_UI_PORT to a free port')
})

test('a broken file of the Temporal server', async () => {
  mkdirSync(place.dataDir)
  writeFileSync(join(place.dataDir, 'temporal.db'), 'not a database '.repeat(1000))
  expect(await refusal({})).toMatch(/^The Temporal server cannot read its database file .*temporal\.db/)
})

test('a broken directory of the database', async () => {
  mkdirSync(join(place.dataDir, 'postgres'), { recursive: true })
  writeFileSync(join(place.dataDir, 'postgres', 'PG_VERSION'), '9.6')
  expect(await refusal({})).toContain(join(place.dataDir, 'postgres'))
})

test('mistakes in the environment', async () => {
  expect(await refusal({ PORT: 'eighty' })).toBe('PORT must be a whole number from 0 to 65535, but it is "eighty".\n')
  expect(await refusal({ HOST: '0.0.0.0' })).toMatch(/^HOST=0\.0\.0\.0 would open the API/)
  expect(await refusal({ WEFT_CONFIG: 'missing.ts' })).toContain('missing.ts')
})

test('an agent whose provider has no key', async () => {
  const config = `export default { agents: [{ id: 'default', model: 'openai/gpt-5-mini' }] }`
  writeFileSync(join(place.dir, 'weft.config.ts'), config)
  expect(await refusal({ WEFT_CONFIG: 'weft.config.ts' })).toMatch(
    /^The agent "default" uses openai\/gpt-5-mini, which needs OPENAI_API_KEY/,
  )
})

test('a Temporal server that is not there', async () => {
  expect(await refusal({ TEMPORAL_ADDRESS: '127.0.0.1:1' })).toMatch(/^Temporal at 127\.0\.0\.1:1 cannot be reached/)
})

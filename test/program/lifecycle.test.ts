import { afterEach, beforeEach, expect, test } from 'vitest'
import { join } from 'node:path'
import { eventually } from '../support/engine.ts'
import { ask, createPlace, isAlive, processesOf, temporalPid } from '../support/program.ts'
import { ROOT } from '../support/sources.ts'

let place: ReturnType<typeof createPlace>
beforeEach(() => {
  place = createPlace()
})
afterEach(() => place.clean())

test('says where everything is in one line of JSON, and a Ctrl-C leaves nothing behind', async () => {
  const { child, facts, ended } = place.start()
  const { api, temporal, temporal_ui, temporal_cli, pid } = await facts
  expect(pid).toBe(child.pid)
  expect(temporal).toMatch(/^127\.0\.0\.1:\d+$/)
  expect(temporal_ui).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(temporal_cli).toMatch(/temporal(\.exe)?$/)
  expect(await (await fetch(`${api}/health`)).json()).toMatchObject({ status: 'ok' })
  expect(await ask(api, 'a', 'Hello')).toContain('You said: Hello')
  const pids = [pid, temporalPid(place.dataDir)]

  // As a terminal does it: the whole group at once; and npm passes it on once more.
  process.kill(-pid, 'SIGINT')
  process.kill(pid, 'SIGINT')
  const { code, stdout } = await ended
  expect(code).toBe(0)
  expect(stdout.trim().split('\n')).toHaveLength(1)
  expect(pids.filter(isAlive)).toEqual([])
  expect(processesOf(place.dir)).toEqual([])
})

test('goes on where it was after kill -9, and ends the server that was left behind', async () => {
  const first = place.start()
  expect(await ask((await first.facts).api, 'kept', 'One')).toContain('You said: One')
  const orphan = temporalPid(place.dataDir)
  first.child.kill('SIGKILL')
  await first.ended
  expect(isAlive(orphan)).toBe(true)

  const second = place.start()
  const { api } = await second.facts
  expect(isAlive(orphan)).toBe(false)
  expect(await ask(api, 'kept', 'Two')).toContain('You said: Two')
  const { messages } = (await (await fetch(`${api}/v1/threads/kept/messages`)).json()) as { messages: unknown[] }
  expect(messages).toHaveLength(4)
  second.child.kill('SIGTERM')
  expect((await second.ended).code).toBe(0)
  expect(processesOf(place.dir)).toEqual([])
})

test('starts the Temporal server again when it dies, on the same port', async () => {
  const { child, facts, ended } = place.start()
  const { api } = await facts
  const before = temporalPid(place.dataDir)
  process.kill(before, 'SIGKILL')
  await eventually(() => (temporalPid(place.dataDir) === before ? undefined : true))
  await eventually(async () => ((await ask(api, 'a', 'Still there?')).includes('You said: Still there?') ? true : undefined))
  child.kill('SIGTERM')
  expect((await ended).code).toBe(0)
})

test('stops when the script that started it is killed', async () => {
  const { child, facts } = place.start({}, { through: [join(ROOT, 'scripts', 'bootstrap.mjs')] })
  const { pid } = await facts
  expect(pid).not.toBe(child.pid)
  const pids = [pid, temporalPid(place.dataDir)]
  child.kill('SIGKILL')
  await eventually(() => (pids.some(isAlive) ? undefined : true))
})

test('can be stopped while it starts', async () => {
  const { child, ended } = place.start({ LOG_LEVEL: 'debug' })
  await eventually(() => (processesOf(join(place.dataDir, 'temporal.db')).length > 0 ? true : undefined))
  child.kill('SIGTERM')
  expect(await ended).toMatchObject({ code: 0, stdout: '' })
  expect(processesOf(place.dir)).toEqual([])
})

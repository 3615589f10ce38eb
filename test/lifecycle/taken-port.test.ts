import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEmbeddedTemporal } from '../../src/temporal/embedded/embedded.ts'
import { temporalCli } from '../support/temporal-cli.ts'

/** The server finds its port taken, though it was free a moment ago: a program in its place gives it one that is taken. */
const directory = mkdtempSync(join(tmpdir(), 'weft-taken-port-'))
const taker = createServer()
beforeAll(() => new Promise<void>((resolve) => taker.listen(0, '127.0.0.1', resolve)))
afterAll(() => {
  taker.close()
  rmSync(directory, { recursive: true, force: true })
})

async function refusedTimes(times: number): Promise<string> {
  const { port } = taker.address() as AddressInfo
  const [program, lives] = [join(directory, `temporal-${String(times)}`), join(directory, `lives-${String(times)}`)]
  writeFileSync(lives, '')
  const script = `#!/bin/sh
echo life >> '${lives}'
if [ "$(wc -l < '${lives}')" -le ${String(times)} ]; then exec '${await temporalCli()}' "$@" --port ${String(port)}; fi
exec '${await temporalCli()}' "$@"
`
  writeFileSync(program, script, { mode: 0o755 })
  return program
}

test('another port is picked', { timeout: 60_000 }, async () => {
  const server = await startEmbeddedTemporal({
    cli: await refusedTimes(2),
    dataDir: join(directory, 'one'),
    port: 0,
    uiPort: null,
  })
  expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/)
  await server.stop()
})

test('also where the one that was taken is answered by another Temporal server', { timeout: 60_000 }, async () => {
  const cli = await temporalCli()
  const [program, pids, other] = [join(directory, 'temporal-beaten'), join(directory, 'pids'), join(directory, 'other')]
  const script = `#!/bin/sh
if [ ! -e '${pids}' ]; then
  '${cli}' "$@" --db-filename '${other}.db' > '${other}.log' 2>&1 &
  echo $! > '${pids}'
  until grep -q 'Server:' '${other}.log'; do sleep 0.05; done
  sleep 1 # as on a busy machine: the other one has long answered when this one finds out
fi
exec '${cli}' "$@"
`
  writeFileSync(program, script, { mode: 0o755 })
  try {
    const server = await startEmbeddedTemporal({ cli: program, dataDir: join(directory, 'three'), port: 0, uiPort: null })
    expect(readFileSync(join(directory, 'three', 'temporal.log'), 'utf8')).toContain(`:${String(server.address.split(':')[1])}\n`)
    await server.stop()
  } finally {
    process.kill(Number(readFileSync(pids, 'utf8')), 'SIGKILL')
  }
})

test('but not for ever', { timeout: 60_000 }, async () => {
  const cli = await refusedTimes(99)
  const starting = startEmbeddedTemporal({ cli, dataDir: join(directory, 'two'), port: 0, uiPort: null })
  await expect(starting).rejects.toThrow(/address already in use/)
})

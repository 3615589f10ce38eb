import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addExport } from '../../src/cli/commands/export.ts'
import { createClient } from '../http/support/client.ts'
import { startService, type Service } from '../http/support/service.ts'

const dir = mkdtempSync(join(tmpdir(), 'weft-export-'))
let service: Service
const servers: Server[] = []
beforeAll(async () => {
  service = await startService()
})
afterAll(async () => {
  for (const server of servers) server.close()
  await service.close()
  rmSync(dir, { recursive: true, force: true })
})

async function weft(url: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [new PassThrough(), new PassThrough()]
  const written = Promise.all([text(out), text(err)])
  let code = 0
  const program = new Command('weft')
  addExport(program, { out, err, url: () => url, exit: (given) => (code = given) })
  await program.parseAsync(args, { from: 'user' })
  out.end()
  err.end()
  const [first, second] = await written
  return { code, out: first, err: second }
}

/** A service whose exports end so. */
async function ending(...lines: string[]): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.write(lines.join(''))
    if (lines.at(-1)?.endsWith('\n') === true) response.end()
    else setImmediate(() => response.destroy())
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

test('writes the thread to standard output or to a file', async () => {
  const client = createClient(service.url)
  await client.run('hello', { thread_id: 'cli' })
  const plain = await weft(service.url, 'export', 'cli')
  expect(plain).toMatchObject({ code: 0, err: expect.stringMatching(/exported \d+ lines/) })
  const lines = plain.out.trimEnd().split('\n')
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ type: 'thread', format: 'weft-export/1' })
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ type: 'end', counts: { messages: 2, runs: 1 } })
  const path = join(dir, 'cli.ndjson')
  expect(await weft(service.url, 'export', 'cli', '--out', path)).toMatchObject({ code: 0, out: '' })
  expect(readFileSync(path, 'utf8')).toBe(plain.out)
  expect(readdirSync(dir)).toEqual(['cli.ndjson'])
})

test('says what was wrong and ends with 1', async () => {
  expect(await weft(service.url, 'export', 'nobody')).toEqual({
    code: 1,
    out: '',
    err: 'weft export: There is no thread with this id.\n',
  })
  expect(await weft('http://127.0.0.1:1', 'export', 'x')).toMatchObject({ code: 1, err: expect.stringContaining('ECONNREFUSED') })
})

const thread = '{"type":"thread"}\n'
const end = '{"type":"end","counts":{"messages":1}}\n'
test.each([
  ['without an end', [thread]],
  ['in the middle of a line', [thread, '{"type":"mess']],
  ['with fewer lines than it says', [thread, end]],
])('an export that comes %s leaves no file', async (_name, lines) => {
  const path = join(dir, 'cut.ndjson')
  const result = await weft(await ending(...lines), 'export', 'x', '--out', path)
  expect(result).toMatchObject({ code: 1, err: expect.stringMatching(/run it again/) })
  expect(readdirSync(dir)).not.toContain('cut.ndjson')
  expect(readdirSync(dir).filter((name) => name.includes('part'))).toEqual([])
})

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../http/support/client.ts'
import { startService, type Service } from '../http/support/service.ts'
import { ROOT } from '../support/sources.ts'

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

type Ended = { code: number | null; out: string; err: string }

/** The program itself, as people call it; `reader` may stop to read. */
async function weft(api: string, args: string[], reader: (out: Readable) => Promise<string> = text): Promise<Ended> {
  const program = spawn(process.execPath, [join(ROOT, 'src/cli/main.ts'), ...args], {
    env: { PATH: process.env['PATH'], WEFT_API: api },
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const code = new Promise<number | null>((resolve) => program.once('close', resolve))
  const [out, err] = await Promise.all([reader(program.stdout), text(program.stderr)])
  return { code: await code, out, err }
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

test('writes the thread to standard output or to a file, and what it does to standard error', async () => {
  const client = createClient(service.url)
  // A separator that is no end of a line in JSON.
  await client.run('hello\u2028there', { thread_id: 'cli' })
  const plain = await weft(service.url, ['export', 'cli'])
  expect(plain).toMatchObject({ code: 0, err: expect.stringMatching(/^\d+ lines in \d+ ms\n$/) })
  const response = await fetch(`${service.url}/v1/threads/cli/export`)
  expect(plain.out).toBe(await response.text())
  const lines = plain.out.trimEnd().split('\n')
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ type: 'thread', format: 'weft-export/1' })
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ type: 'end', counts: { messages: 2, runs: 1 } })
  expect(plain.err).toContain(`${String(lines.length)} lines`)

  writeFileSync(join(dir, 'cli.ndjson'), 'an older one')
  expect(await weft('http://127.0.0.1:1', ['--api', service.url, 'export', 'cli', '--out', 'cli.ndjson', '--quiet'])).toEqual({
    code: 0,
    out: '',
    err: '',
  })
  expect(readFileSync(join(dir, 'cli.ndjson'), 'utf8')).toBe(plain.out)
  expect(readdirSync(dir)).toEqual(['cli.ndjson'])
})

test('says what was wrong, and ends with 2 where nothing was to be had', async () => {
  expect(await weft(service.url, ['export', 'nobody'])).toEqual({ code: 2, out: '', err: 'There is no thread with this id.\n' })
  expect(await weft('http://127.0.0.1:1', ['export', 'x'])).toEqual({
    code: 2,
    out: '',
    err: 'Nothing answers at http://127.0.0.1:1. Is the service running? Another address: --api or WEFT_API.\n',
  })
  const { code, err } = await weft(await ending('{"type":"thread","format":"weft-export/9"}\n'), ['export', 'x'])
  expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining('another format than weft-export/1') })
  expect(await weft(service.url, ['export', 'cli', '--out', 'no/such/place'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('ENOENT'),
  })
})

test('explains itself', async () => {
  const { code, out } = await weft(service.url, ['export', '--help'])
  expect(code).toBe(0)
  for (const word of ['<thread>', '--out <file>', 'Exit codes: 0']) expect(out).toContain(word)
  expect((await weft(service.url, ['--help'])).out).toContain('export')
})

test('ends with 1 when its reader leaves', async () => {
  const line = `${JSON.stringify({ type: 'message', content: 'x'.repeat(500_000) })}\n`
  const api = await ending(thread, ...Array.from({ length: 20 }, () => line))
  const gone = await weft(api, ['export', 'x'], async (out) => {
    await new Promise<void>((resolve) => out.once('data', () => resolve()))
    out.destroy()
    return ''
  })
  expect(gone).toEqual({ code: 1, out: '', err: 'Whoever read the export has stopped.\n' })
})

const thread = '{"type":"thread","format":"weft-export/1"}\n'
const end = '{"type":"end","counts":{"messages":1}}\n'
test.each([
  ['without an end', [thread]],
  ['in the middle of a line', [thread, '{"type":"mess']],
  ['with fewer lines than it says', [thread, end]],
])('an export that comes %s leaves no file', async (_name, lines) => {
  const result = await weft(await ending(...lines), ['export', 'x', '--out', 'cut.ndjson'])
  expect(result).toMatchObject({ code: 1, err: expect.stringMatching(/run it again/) })
  expect(readdirSync(dir).filter((name) => name.includes('cut'))).toEqual([])
})

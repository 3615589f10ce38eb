import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { obtainSchemathesis } from '../../scripts/schemathesis.ts'
import { createClient, type Client } from '../http/support/client.ts'
import { checkService } from '../support/check-everywhere.ts'
import { createPlace, type Started } from '../support/program.ts'
import { LONG, report, SEED } from './support/form.ts'
import { INSIDE } from './support/inside.ts'
import { openGate, type Gate } from './support/gate.ts'
import { streamProblems } from './support/stream-text.ts'

/** A generator that knows nothing of the service but its OpenAPI document, against the whole program. */
const KEY = 'an-operator-of-this-test-only-0123456789'
const AUTHORIZATION = { authorization: `Bearer ${KEY}` }
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
]
/**
 * The long form tries so many random cases of each operation, on top of those that follow from the document alone
 * (about 4,000 in all); the short one goes round all operations, a few random cases of each, until its time is over.
 */
const SIZE = LONG
  ? ['--phases', 'coverage,fuzzing', '--max-examples', '320']
  : ['--phases', 'fuzzing', '--max-examples', '5', '--max-time', '40']
const LEAST = LONG ? 20_000 : 300
const place = createPlace()
const wrong: string[] = []
let program: Started
let gate: Gate
let client: Client
beforeAll(async () => {
  program = place.start({ LOG_LEVEL: 'error', WEFT_ADMIN_KEY: KEY, WEFT_RATE_LIMIT_PER_MINUTE: '0', ...INSIDE })
  const { api } = await program.facts
  client = withKey(createClient(api))
  gate = await openGate(api, (passed) => {
    const what = `${passed.method} ${passed.path}`
    if (passed.status >= 500) wrong.push(`${what}: ${String(passed.status)}`)
    wrong.push(...streamProblems(passed).map((problem) => `${what}: ${problem}`))
  })
})
afterAll(async () => {
  await gate.close()
  place.clean()
})

/** The install may take a minute where the cache is empty. */
test('no answer is other than the contract says', { timeout: LONG ? 3_600_000 : 240_000 }, async () => {
  const command = await obtainSchemathesis((sentence) => console.error(sentence))
  const { code, said } = await schemathesis(command)
  report('schemathesis', { cases: gate.count() })
  expect(code, said).toBe(0)
  expect(wrong.slice(0, 20)).toEqual([])
  expect(gate.count()).toBeGreaterThanOrEqual(LEAST)
})

test('the service is as good as before', { timeout: 120_000 }, async () => {
  const { status, body } = await client.run('and now?')
  expect({ status, body }).toMatchObject({ status: 200, body: { final_output: 'You said: and now?' } })
  await checkService(client)
  program.child.kill('SIGTERM')
  const { code, stderr } = await program.ended
  // Nothing was logged as an error, and nothing came from Node itself.
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

function schemathesis(command: string): Promise<{ code: number | null; said: string }> {
  // It keeps files of its own where it runs.
  const cwd = mkdtempSync(join(tmpdir(), 'weft-schemathesis-'))
  const args = [
    ...['run', `${gate.url}/openapi.json`, '--header', `Authorization: ${AUTHORIZATION.authorization}`],
    ...[...SIZE, '--seed', String(SEED)],
    ...['--checks', CHECKS.join(), '--continue-on-failure', '--request-timeout', '20', '--generation-database', 'none'],
    ...['--warnings', 'off', '--no-color'],
  ]
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.once('error', reject)
    child.once('close', (code) => {
      rmSync(cwd, { recursive: true, force: true })
      resolve({ code, said: said.slice(-20_000) })
    })
  })
}

function withKey(inner: Client): Client {
  return {
    ...inner,
    call: (method, path, body, headers) => inner.call(method, path, body, { ...AUTHORIZATION, ...headers }),
    run: (content) =>
      inner.call('POST', '/v1/runs', { agent_id: 'default', messages: [{ role: 'user', content }] }, AUTHORIZATION),
  }
}

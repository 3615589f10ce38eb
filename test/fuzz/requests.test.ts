import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allRoutes } from '../../src/http/routes/index.ts'
import { routeName } from '../../src/http/roles.ts'
import { createClient, type Client } from '../http/support/client.ts'
import { makeSamples, type Samples } from '../http/support/samples.ts'
import { checkService } from '../support/check-everywhere.ts'
import { createPlace, type Started } from '../support/program.ts'
import { LONG, report, SEED } from './support/form.ts'
import { INSIDE, inside } from './support/inside.ts'
import { answerProblems } from './support/judge.ts'
import { cursorRequests, oddRequests, type OddRequest } from './support/odd-requests.ts'
import { exchange } from './support/raw-http.ts'

/** Requests that no client's library would send, about every route of the router. The short form tries some of them. */
const SOME = 3_000
const AT_ONCE = 6
const KEY = 'an-operator-of-this-test-only-0123456789'
const WHO = ['authorization', `Bearer ${KEY}`] as const
const place = createPlace()
let program: Started
let url: string
let client: Client
let samples: Samples
beforeAll(async () => {
  program = place.start({ LOG_LEVEL: 'error', WEFT_ADMIN_KEY: KEY, WEFT_RATE_LIMIT_PER_MINUTE: '0', ...INSIDE })
  url = (await program.facts).api
  const plain = createClient(url)
  const headers = { [WHO[0]]: WHO[1] }
  client = { ...plain, call: (method, path, body, own) => plain.call(method, path, body, { ...headers, ...own }) }
  const { body: key } = await client.call('POST', '/v1/keys', { name: 'n', role: 'operator' })
  samples = await makeSamples(inside(client), key.id)
})
afterAll(() => place.clean())

/** Routes that take away what the others are about come last. */
const ROUTES = allRoutes().sort((a, b) => Number(a.method === 'delete') - Number(b.method === 'delete'))

test(
  'a cursor with a right check and a strange position is refused or taken',
  { timeout: LONG ? 3_600_000 : 240_000 },
  async () => {
    const { thread, run } = samples
    const scopes = ['threads', 'runs', 'dispatches', 'agents', 'webhooks', 'keys:', 'inbox', 'webhooks::', `inbox:${thread}`]
    const own = [`thread:${thread}`, `run:${run}`, `runs:${thread}`, `dispatches:${thread}`, `messages:${thread}`]
    const found = new Set([...scopes, ...own, ...(await scopesInUse())])
    const all = ROUTES.flatMap((route) => cursorRequests(route, samples, WHO, [...found]))
    expect(await tryAll('cursors', all)).toEqual([])
  },
)

test('is answered as the contract says, on every route', { timeout: LONG ? 3_600_000 : 240_000 }, async () => {
  const all = ROUTES.flatMap((route) => oddRequests(route, samples, WHO))
  expect(await tryAll('requests', all)).toEqual([])
})

test('the service is as good as before', { timeout: 120_000 }, async () => {
  const body = { agent_id: 'default', messages: [{ role: 'user', content: 'and now?' }] }
  expect((await client.call('POST', '/v1/runs', body)).body).toMatchObject({ final_output: 'You said: and now?' })
  await checkService(client)
  program.child.kill('SIGTERM')
  const { code, stderr } = await program.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

/** The scopes that lists put into their cursors. */
async function scopesInUse(): Promise<string[]> {
  const thread = `/v1/threads/${samples.thread}`
  const paths = [`${thread}/messages`, `${thread}/mailbox`, `${thread}/runs`, '/v1/inbox', '/v1/keys', '/v1/webhooks']
  const cursors = await Promise.all(paths.map(async (path) => (await client.call('GET', path)).body.next_cursor as string))
  return cursors.map((cursor) => Buffer.from(cursor, 'base64url').toString('utf8').split('\n')[1] ?? '')
}

/** What was wrong with the answers, each with what was asked. */
async function tryAll(what: string, all: OddRequest[]): Promise<string[]> {
  const chosen = LONG ? all : some(all)
  /** One for each kind of finding: the first tells enough. */
  const wrong = new Map<string, string>()
  let next = 0
  const work = async (): Promise<void> => {
    for (let one = chosen[next++]; one !== undefined; one = chosen[next++]) {
      const problems = await tryOne(one)
      const shown = `${routeName(one.route)} [${one.what}] ${one.target.slice(0, 160)} ${JSON.stringify(one.headers.at(-1))?.slice(0, 120)} ${String(one.body ?? '').slice(0, 160)}`
      for (const problem of problems)
        wrong.set(`${routeName(one.route)} ${one.what} ${problem.slice(0, 40)}`, `${shown}: ${problem}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  report(what, { cases: chosen.length, of: all.length })
  return [...wrong.values()].slice(0, 40)
}

async function tryOne(one: OddRequest): Promise<string[]> {
  try {
    return answerProblems(one.route, await exchange(url, one), one.besides)
  } catch (error) {
    return [String(error)]
  }
}

/** Some of them, by the seed, in their order. */
function some<T>(all: T[]): T[] {
  if (all.length <= SOME) return all
  const [indices = []] = fc.sample(fc.uniqueArray(fc.nat(all.length - 1), { minLength: SOME, maxLength: SOME, size: 'max' }), {
    seed: SEED,
    numRuns: 1,
  })
  return [...indices].sort((a, b) => a - b).flatMap((index) => all.slice(index, index + 1))
}

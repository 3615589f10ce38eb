import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Connection } from '@temporalio/client'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/engine.ts'
import { ROOT } from '../support/sources.ts'
import { names, Weft } from './support/weft.ts'

const nesting = (depth: number): string =>
  `let value = []; for (let i = 1; i < ${String(depth)}; i++) value = [value]; return value`
/** What a tool may return, as the source of its function's body. */
const RESULTS: [what: string, body: string][] = [
  ['a nest of 1000 levels', nesting(1_000)],
  ['a nest of 3000 levels', nesting(3_000)],
  ['a nest of 200000 levels', nesting(200_000)],
  ['three megabytes', "return 'x'.repeat(3_000_000)"],
  ['itself', 'const value = {}; value.value = value; return value'],
  ['a big integer', 'return { value: 1n }'],
  ['nothing', 'return undefined'],
  ['a function', 'return () => 1'],
  ['NUL and half a character', "return { 'a\\0': 'b\\ud800' }"],
  ['an error of its own kind', 'throw undefined'],
]

/** Values that are well-formed JSON but that some part on the way may not take: depth, NUL, halves of characters. */
const weft = new Weft()
const url = (path: string): string => JSON.stringify(pathToFileURL(join(ROOT, path)).href)
weft.write(
  'weft.config.ts',
  `import { jsonSchema } from ${JSON.stringify(import.meta.resolve('ai'))}
import { exampleTools } from ${url('src/agent/example-tools.ts')}
const inputSchema = jsonSchema({ type: 'object' })
const results = {
${RESULTS.map(([, body], index) => `  result_${String(index)}: { inputSchema, execute: () => { ${body} } },`).join('\n')}
}
const tools = { ...exampleTools, ...results }
export default { agents: [{ id: 'default', tools: Object.keys(tools) }], tools }
`,
)
let connection: Connection
beforeAll(async () => {
  await weft.start()
  connection = await Connection.connect({ address: weft.temporal })
})
afterEach(() => weft.checkLogs())
afterAll(async () => {
  await connection.close()
  weft.close()
})
const newThread = names('odd')

/** As it goes over the wire: clients would refuse to write some of it. */
async function signal(thread: string, signalName: string, json: string): Promise<void> {
  const payload = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(json) }
  await connection.workflowService.signalWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: `default/${thread}` },
    signalName,
    input: { payloads: [payload] },
  })
}

const nest = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

async function expectAnswers(thread: string): Promise<void> {
  expect((await weft.ask(thread, 'and now?')).body).toMatchObject({ final_output: 'You said: and now?' })
}

/** A run that waits for the answer to a question; what the ticket's call is named. */
async function askUser(thread: string): Promise<{ run_id: string; tool_call_id: string }> {
  const frames = await (await weft.run(thread, '/tool ask_user {"question":"what?"}')).all()
  return { run_id: frames.at(-1).run_id, tool_call_id: frames.at(-1).tickets[0].tool_call_id }
}

describe.each([100, 2_500, 200_000])('a nest of %i levels', (depth) => {
  test('in a signal for nobody is refused, and the thread goes on', async () => {
    const thread = newThread()
    await weft.ask(thread, 'hello')
    await signal(thread, 'decision', `{"tool_call_id":"none","action":"resume","payload":${nest(depth)}}`)
    await eventually(
      async () => ((await weft.log(thread)).some(({ kind }) => kind === 'CommandRejected') ? true : undefined),
      10_000,
    )
    await expectAnswers(thread)
  })

  test('in a decision is taken or refused, and the thread goes on', async () => {
    const thread = newThread()
    const { tool_call_id } = await askUser(thread)
    await signal(thread, 'decision', `{"tool_call_id":"${tool_call_id}","action":"resume","payload":{"result":${nest(depth)}}}`)
    await eventually(async () => {
      const kinds = (await weft.log(thread)).map(({ kind }) => kind)
      return kinds.includes('CommandRejected') || kinds.includes('RunFinished') ? true : undefined
    }, 10_000)
    expect((await weft.ask(thread, 'and now?')).body).toMatchObject({ status: 'done', termination: { type: 'natural_end' } })
  })

  test('as arguments of a call ends in an answer', async () => {
    const thread = newThread()
    const args = `{"city":"Oslo","more":${nest(Math.min(depth, 100_000))}}`
    const { body } = await weft.ask(thread, `/tool get_weather ${args}`)
    expect(body).toMatchObject({ status: 'done' })
    await expectAnswers(thread)
  })
})

test.each(RESULTS)('a tool that returns %s has a result, and the run goes on', async (what, _body) => {
  const thread = newThread()
  const { body } = await weft.ask(thread, `/tool result_${String(RESULTS.findIndex(([name]) => name === what))} {}`)
  expect(body).toMatchObject({ status: 'done', termination: { type: 'natural_end' } })
  expect((await weft.messages(thread)).map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
  await expectAnswers(thread)
})

test('NUL and half a character in a message become the replacement character', async () => {
  const thread = newThread()
  await weft.ask(thread, 'hello')
  await signal(thread, 'submit', '{"messages":[{"role":"user","content":"a\\u0000b\\ud800c","metadata":{"\\u0000":"\\udfff"}}]}')
  const answer = await eventually(async () => (await weft.messages(thread)).find(({ message_seq }) => message_seq === 4))
  expect(answer.content).toBe('You said: a\ufffdb\ufffdc')
  await expectAnswers(thread)
})

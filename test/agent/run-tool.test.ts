import { ActivityCancellationDetails } from '@temporalio/common'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineConfig, tool } from '../../src/agent/define-config.ts'
import type { ToolCallOptions } from '../../src/agent/define-config.ts'
import type { Store } from '../../src/store/store.ts'
import type { Json } from '../../src/thread/json.ts'
import type { ToolInput, ToolOutcome } from '../../src/thread/ports.ts'
import { createWorld, openStore, TENANT } from './world.ts'
import type { World } from './world.ts'

let store: Store
beforeAll(async () => {
  store = await openStore()
}, 60_000)
afterAll(() => store.close())

const seen: { input: unknown; options: ToolCallOptions }[] = []
const any = z.unknown()
const config = defineConfig({
  agents: [{ id: 'default', model: 'scripted' }],
  tools: {
    echo: tool({
      inputSchema: z.object({ city: z.string().transform((city) => city.toUpperCase()) }),
      execute: (input, options) => {
        seen.push({ input, options })
        return input
      },
    }),
    throws: tool({ inputSchema: any, execute: () => { throw new Error('no such mailbox') } }), // prettier-ignore
    rejects: tool({ inputSchema: any, execute: () => Promise.reject(new TypeError('bad answer')) }),
    slow: tool({
      inputSchema: any,
      timeoutMs: 50,
      execute: async (_input, { abortSignal }) => delay(5000, 'x', { signal: abortSignal }),
    }),
    deaf: tool({ inputSchema: any, execute: () => delay(5000, 'x', { ref: false }) }),
    counts: tool({ inputSchema: any, execute: async function* () { yield* [1, 2, await Promise.resolve(3)] } }), // prettier-ignore
    big: tool({ inputSchema: any, execute: () => 'é'.repeat(200_000) }),
    odd: tool({ inputSchema: any, execute: () => ({ n: 1n, f: () => 1, d: new Date(0), u: undefined, nan: Number.NaN }) }),
    circular: tool({ inputSchema: any, execute: () => { const loop: { self?: unknown } = {}; loop.self = loop; return loop } }), // prettier-ignore
    nothing: tool({ inputSchema: any, execute: () => undefined }),
    remote: tool({ inputSchema: any, external: true }),
  },
})

async function world(
  tool_name: string,
  args: Json = {},
): Promise<World & { run(more?: Partial<ToolInput>): Promise<ToolOutcome> }> {
  const here = await createWorld(store, [{ role: 'user', content: 'go' }], { config })
  const content = [{ type: 'tool_call', tool_call_id: 'c1', tool_name, arguments: args }]
  await store.engine.stage({ tenant: TENANT, ...here.ids, step: 1, attempt: 1 }, [{ part: 'message', value: content }])
  return { ...here, run: (more) => here.tool({ tool_name, tool_call_id: 'c1', ...more }) }
}
async function outcome(tool_name: string, args: Json = {}): Promise<[ToolOutcome, unknown]> {
  const here = await world(tool_name, args)
  return [await here.run(), await here.staged('result:c1')]
}

describe('a tool', () => {
  it('gets its arguments, its call and where it runs; its result is staged under the attempt of the call', async () => {
    const here = await world('echo', { city: 'oslo' })
    expect(await here.run({ attempt: 3 })).toEqual({ kind: 'done', status: 'success' })
    expect(await here.staged('result:c1', { attempt: 3 })).toEqual({ city: 'OSLO' })
    expect(seen.at(-1)).toMatchObject({
      input: { city: 'OSLO' },
      options: { toolCallId: 'c1', messages: [], context: { tenant: TENANT, ...here.ids } },
    })
  })
  it('runs with what a person made of the arguments', async () => {
    const here = await world('echo', { city: 'oslo' })
    const eventValue: Store['conversation']['eventValue'] = (_ref, seq, path) =>
      Promise.resolve(seq === 7 && path.join('.') === 'result.edited_args' ? { city: 'rome' } : undefined)
    const edited = await createWorld({ ...store, conversation: { ...store.conversation, eventValue } }, [], { config })
    expect(await edited.tool({ tool_name: 'echo', tool_call_id: 'c1', edited_args_seq: 7 })).toEqual({
      kind: 'done',
      status: 'success',
    })
    expect(await edited.staged('result:c1')).toEqual({ city: 'ROME' })
    expect(await here.run({ edited_args_seq: 999 })).toMatchObject({
      kind: 'done',
      status: 'error',
      message: 'the arguments of this call are no longer stored',
    })
  })
  it.each<[string, Json, string]>([
    ['echo', { city: 5 }, 'the arguments do not fit the tool echo: city: Invalid input: expected string, received number'],
    ['throws', {}, 'no such mailbox'],
    ['rejects', {}, 'bad answer'],
    ['slow', {}, 'the tool did not finish within 50 ms'],
  ])('%s %j becomes an error result', async (name, args, message) => {
    expect(await outcome(name, args)).toEqual([{ kind: 'done', status: 'error', message }, { error: message }])
  })
  it.each<[string, unknown]>([
    ['counts', 3],
    ['odd', { n: '1', d: '1970-01-01T00:00:00.000Z', nan: null }],
    ['nothing', null],
  ])('%s gives JSON', async (name, expected) => {
    expect(await outcome(name)).toEqual([{ kind: 'done', status: 'success' }, expected])
  })
  it('with a result that is no JSON, or too much of it, says so', async () => {
    expect(await outcome('circular')).toMatchObject([
      { status: 'error', message: expect.stringContaining('not JSON') as string },
      {},
    ])
    const [result, data] = await outcome('big')
    expect(result).toMatchObject({ status: 'success', message: expect.stringContaining('400002 bytes') as string })
    expect(data).toMatchObject({ truncated: true, bytes: 400_002, preview: expect.stringMatching(/^"é{3999}$/) as string })
  })
  it('that is gone or runs elsewhere is missing', async () => {
    expect(await (await world('gone')).run()).toEqual({
      kind: 'missing',
      error: 'the tool "gone" is no longer part of the configuration',
    })
    expect(await (await world('remote')).run()).toMatchObject({ kind: 'missing' })
  })
})

describe('a stop', () => {
  it.each(['slow', 'deaf'])('that was asked for cancels %s at once', async (name) => {
    const here = await world(name)
    const running = here.run()
    setTimeout(() => {
      here.environment.cancel()
    }, 20)
    const start = performance.now()
    expect(await running).toEqual({ kind: 'cancelled' })
    expect(performance.now() - start).toBeLessThan(500)
    expect(await here.staged('result:c1')).toBeUndefined()
  })
  it("for a worker's shutdown is thrown", async () => {
    const here = await world('deaf')
    const caught = here.run().catch((error: unknown) => error)
    await delay(20)
    here.environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }))
    expect(await caught).toMatchObject({ name: 'CancelledFailure', message: 'WORKER_SHUTDOWN' })
  })
})

import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineConfig, tool } from '../../src/agent/define-config.ts'
import type { ToolContext } from '../../src/agent/define-config.ts'
import { StoreUnavailable } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import type { JsonObject } from '../../src/thread/json.ts'
import type { ToolOutcome } from '../../src/thread/ports.ts'
import { createWorld, openStore, TENANT } from './world.ts'

let store: Store
beforeAll(async () => {
  store = await openStore()
}, 60_000)
afterAll(() => store.close())

type Options = { shared?: JsonObject; store?: Store; timeoutMs?: number }

/** The outcome of one call of a tool that does this with its context. */
async function outcome(execute: (context: ToolContext) => unknown, options: Options = {}): Promise<ToolOutcome> {
  const { shared = {}, timeoutMs } = options
  const limit = timeoutMs === undefined ? {} : { timeoutMs }
  const does = tool({ inputSchema: z.object({}), execute: (_input, { context }) => execute(context), ...limit })
  const config = defineConfig({ agents: [{ id: 'default', model: 'scripted' }], tools: { does } })
  const here = await createWorld(options.store ?? store, [{ role: 'user', content: 'go' }], { config, shared })
  const content = [{ type: 'tool_call', tool_call_id: 'c1', tool_name: 'does', arguments: {} }]
  await store.engine.stage({ tenant: TENANT, ...here.ids, step: 1, attempt: 1 }, [{ part: 'message', value: content }])
  return here.tool({ tool_name: 'does', tool_call_id: 'c1' })
}
const DONE = { kind: 'done', status: 'success' } as const
const failed = (message: string): ToolOutcome => ({ kind: 'done', status: 'error', message })
/** As loosely typed as a tool that was written without types. */
const loose = (context: ToolContext): { stageMessages(...given: unknown[]): void; state: { patch(given: unknown): unknown } } =>
  context as never

describe('stageMessages', () => {
  it('puts text and messages into the outcome, in order, each with its boundary', async () => {
    const photo = { type: 'image' as const, url: 'https://example.com/a.png' }
    const result = await outcome(async ({ stageMessages }) => {
      stageMessages('one')
      await delay(1)
      stageMessages([{ role: 'system', content: 'two', visibility: 'external', metadata: { n: 2 } }, 'three'], {
        boundary: 'on_natural_end',
      })
      stageMessages({ role: 'user', content: [photo] }, {})
      stageMessages([])
    })
    const note = { role: 'user', visibility: 'internal' }
    expect(result).toEqual({
      ...DONE,
      messages: [
        { ...note, content: 'one', boundary: 'next_step' },
        { role: 'system', content: 'two', visibility: 'external', metadata: { n: 2 }, boundary: 'on_natural_end' },
        { ...note, content: 'three', boundary: 'on_natural_end' },
        { ...note, content: [photo], boundary: 'next_step' },
      ],
    })
  })
  it('keeps what was given, not what becomes of it', async () => {
    const result = await outcome(({ stageMessages }) => {
      const metadata = { n: 1 }
      stageMessages({ role: 'user', content: 'x', metadata })
      metadata.n = 2
    })
    expect(result).toMatchObject({ messages: [{ metadata: { n: 1 } }] })
  })
  const circular: { self?: unknown } = {}
  circular.self = circular
  it.each<[unknown[], RegExp]>([
    [[{ role: 'tool', content: 'x' }], /^stageMessages: messages\[0\]\.role must be one of: user, assistant, system/],
    [[['ok', { role: 'user' }]], /^stageMessages: messages\[1\]\.content must be text or a list of parts$/],
    [[7], /^stageMessages: messages\[0\] must be an object with role and content$/],
    [[{ role: 'user', content: 'x', id: 'mine' }], /has the field "id"; the fields are role, content, visibility, metadata$/],
    [[{ role: 'user', content: 'x', metadata: circular }], /messages\[0\] must be plain JSON: Converting circular/],
    [['x', { boundary: 'new_run' }], /^stageMessages: boundary must be next_step or on_natural_end$/],
    [[Array.from({ length: 21 }, () => 'x')], /^stageMessages: one call may stage at most 20 messages$/],
    [['x'.repeat(65_536)], /^stageMessages: the messages of this call have \d+ bytes as JSON, at most 65536 may be staged$/],
  ])('refuses %#', async (given, message) => {
    const result = await outcome((context) => {
      context.stageMessages('lost with the rest')
      loose(context).stageMessages(...given)
    })
    expect(result).toEqual(failed(expect.stringMatching(message) as string))
  })
  it('counts over all calls; what was refused leaves the rest as it was', async () => {
    const result = await outcome(({ stageMessages }) => {
      const many = Array.from({ length: 20 }, (_, n) => String(n))
      stageMessages(many.slice(1))
      expect(() => {
        stageMessages(['a', 'b'])
      }).toThrow('at most 20')
      expect(() => {
        stageMessages('é'.repeat(33_000))
      }).toThrow('bytes as JSON')
      stageMessages('last')
    })
    expect(result.kind === 'done' && result.messages?.map(({ content }) => content).slice(-2)).toEqual(['19', 'last'])
  })
})

describe('state', () => {
  const shared = { city: 'Oslo', tries: 1, nested: { a: [1] } }
  it('reads what is stored, and what the call itself has patched', async () => {
    const seen: JsonObject[] = []
    const result = await outcome(
      async ({ state }) => {
        seen.push(await state.get())
        await state.patch({ city: null, tries: 2 })
        const now = await state.get()
        seen.push(structuredClone(now))
        Object.assign(now['nested'] as object, { a: 'changed' })
        await state.patch({ tries: 3 })
        seen.push(await state.get())
      },
      { shared },
    )
    expect(seen).toEqual([shared, { tries: 2, nested: { a: [1] } }, { tries: 3, nested: { a: [1] } }])
    expect(result).toEqual({ ...DONE, state_patch: { city: null, tries: 3 } })
  })
  it('is not read by a tool that does not ask, and an empty patch is none', async () => {
    const silent = { ...store, engine: { ...store.engine, sharedState: () => Promise.reject(new Error('was asked')) } }
    expect(await outcome(() => 1, { store: silent })).toEqual(DONE)
    expect(await outcome(({ state }) => state.patch({}))).toEqual(DONE)
  })
  it('is waited for while the store is away', async () => {
    let asked = 0
    const sharedState: Store['engine']['sharedState'] = (ref) => {
      asked += 1
      return asked < 3 ? Promise.reject(new StoreUnavailable('away')) : store.engine.sharedState(ref)
    }
    const late = { ...store, engine: { ...store.engine, sharedState } }
    const result = await outcome(async ({ state }) => state.patch({ had: (await state.get())['city'] ?? null }), {
      shared,
      store: late,
    })
    expect(result).toEqual({ ...DONE, state_patch: { had: 'Oslo' } })
  })
  it('holds 16 KiB and not a byte more, with what is stored', async () => {
    // {"a":"…","b":"…"} has 15 bytes beside the texts.
    const fill = (n: number): JsonObject => ({ b: 'x'.repeat(n) })
    const stored = { a: 'y'.repeat(8000) }
    const room = 16 * 1024 - 15 - 8000
    expect(await outcome(({ state }) => state.patch(fill(room)), { shared: stored })).toMatchObject({ status: 'success' })
    expect(await outcome(({ state }) => state.patch(fill(room + 1)), { shared: stored })).toEqual(
      failed("state.patch: the thread's state would have 16385 bytes as JSON, at most 16384 are kept"),
    )
    const replaced = await outcome(
      async ({ state }) => {
        await expect(state.patch(fill(room + 1))).rejects.toThrow('16385 bytes')
        await state.patch({ a: null, ...fill(room + 1) })
      },
      { shared: stored },
    )
    expect(replaced).toMatchObject({ ...DONE, state_patch: { a: null } })
  })
  it('takes patches side by side one after the other, and a refused one that nobody waited for is an error', async () => {
    const half = 'x'.repeat(9000)
    const result = await outcome(async ({ state }) => {
      const both = await Promise.allSettled([state.patch({ a: half }), state.patch({ b: half })])
      return both.map(({ status }) => status)
    })
    expect(result).toMatchObject({ ...DONE, state_patch: { a: half } })
    const careless = await outcome(({ state }) => {
      void state.patch({ a: half })
      void state.patch({ b: half })
      return 'all is well'
    })
    expect(careless).toMatchObject({ status: 'error', message: expect.stringContaining('at most 16384') as string })
    expect(careless).not.toHaveProperty('state_patch')
    expect(await outcome(({ state }) => void state.patch({ a: 1 }))).toEqual({ ...DONE, state_patch: { a: 1 } })
  })
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])
  it.each<[unknown, RegExp]>([
    [['a'], /^state\.patch takes an object$/],
    [null, /^state\.patch takes an object$/],
    [{ n: Number.NaN }, /^state\.patch must be plain JSON: NaN is not JSON$/],
    [{ f: () => 1 }, /a function is not JSON/],
    [{ n: 1n }, /must be plain JSON/],
    [{ a: deep(64) }, /nested deeper than 64 levels/],
  ])('refuses %#', async (given, message) => {
    expect(await outcome((context) => loose(context).state.patch(given))).toEqual(
      failed(expect.stringMatching(message) as string),
    )
  })
})

describe('a tool that does not succeed changes nothing', () => {
  const both = async (context: ToolContext): Promise<void> => {
    context.stageMessages('x')
    await context.state.patch({ a: 1 })
  }
  it('when it throws, runs out of time or returns what is no JSON', async () => {
    const throws = await outcome(async (context) => {
      await both(context)
      throw new Error('no')
    })
    expect(throws).toEqual(failed('no'))
    const slow = await outcome(
      async (context) => {
        await both(context)
        await delay(5000, undefined, { ref: false })
      },
      { timeoutMs: 200 },
    )
    expect(slow).toEqual(failed('the tool did not finish within 200 ms'))
    const odd = await outcome(async (context) => {
      await both(context)
      const loop: { self?: unknown } = {}
      loop.self = loop
      return loop
    })
    expect(odd).toEqual(failed(expect.stringContaining('not JSON') as string))
  })
  it('and its context refuses once it has ended', async () => {
    let kept: ToolContext | undefined
    expect(await outcome((context) => void (kept = context))).toEqual(DONE)
    const refusal = /was called after the tool had ended/
    expect(() => kept?.stageMessages('late')).toThrow(refusal)
    expect(() => kept?.state.patch({ a: 1 })).toThrow(refusal)
    expect(() => kept?.state.get()).toThrow(refusal)
    let timed: ToolContext | undefined
    await outcome((context) => delay(5000, (timed = context), { ref: false }), { timeoutMs: 20 })
    expect(() => timed?.stageMessages('late')).toThrow(refusal)
  })
})

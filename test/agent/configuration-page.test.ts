import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkConfig } from '../../src/agent/check-config.ts'
import type { WeftConfig } from '../../src/agent/define-config.ts'
import type { Store } from '../../src/store/store.ts'
import { ROOT } from '../support/sources.ts'
import { Thread } from './whole-thread.ts'
import { openStore } from './world.ts'

/** docs/configuration.md promises things: its examples must load, and do what the page says. */

const directory = mkdtempSync(join(tmpdir(), 'weft-page-'))
const page = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8')
const examples = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '')
let store: Store
beforeAll(async () => {
  store = await openStore()
}, 60_000)
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

/** The configuration of one example, loaded from a file that stands elsewhere than at the root. */
async function load(index: number): Promise<WeftConfig> {
  const file = join(directory, `example-${String(index)}.ts`)
  const address = (specifier: string): string =>
    specifier.startsWith('./') ? pathToFileURL(join(ROOT, specifier)).href : import.meta.resolve(specifier)
  const code = (examples[index] ?? '').replace(/from '([^']+)'/g, (_all, from: string) => `from '${address(from)}'`)
  writeFileSync(file, code)
  const module = (await import(pathToFileURL(file).href)) as { default: unknown }
  return checkConfig(module.default, 'the page')
}
async function answer(thread: Thread, content: string): Promise<string | null> {
  await thread.say(content)
  return (await thread.run()).final_output
}

describe('the examples of the page', () => {
  it('are three', () => {
    expect(examples).toHaveLength(3)
  })
  it('agents', async () => {
    const thread = await Thread.open(store, await load(0))
    expect(await answer(thread, '/loop 1\nhello')).toBe('You said: hello')
  })
  it('tools', async () => {
    const thread = await Thread.open(store, await load(1))
    expect(await answer(thread, '/tool find_order {"number":"7"}\n/tool refund {"number":"7","amount":100}')).toMatch(
      /^find_order returned: \{.*"total":40.*\}\nrefund returned: \{.*"payment":"refund-call_/,
    )
    await thread.say('/tool refund {"number":"7","amount":101}\n/tool ask_warehouse {"question":"Where?"}')
    const { waiting } = await thread.run()
    expect(waiting?.tickets.map((ticket) => [ticket.tool_name, ticket.expires_at !== undefined])).toEqual([
      ['refund', true],
      ['ask_warehouse', false],
    ])
  })
  it('state, messages and a system prompt made of the state', async () => {
    const thread = await Thread.open(store, await load(2))
    const { agent_version } = (await thread.say('hello'), await thread.run())
    const set = (language: string): Promise<string | null> => answer(thread, `/tool set_language {"language":"${language}"}`)
    expect(await set('French')).toBe('set_language returned: {"before":"English","now":"French"}')
    expect((await thread.run()).agent_version).toBe(agent_version)
    expect(await answer(thread, '/tool check_stock {"item":"lamp"}')).toBe(
      'You said: Before you finish, offer something else than lamp.',
    )
    const version = (await thread.run()).agent_version ?? ''
    expect(await store.agents.get(version)).toMatchObject({ spec: { system: 'Answer in French.' } })
    expect(await set('English')).toBe('set_language returned: {"before":"French","now":"English"}')
  })
  it('what it says to the scripted model', async () => {
    const [, commands = ''] = /^```\n(\/tool .*?)^```$/ms.exec(page) ?? []
    expect(await answer(await Thread.open(store), commands)).toBe('You said: Ask whether that was all.')
  })
})

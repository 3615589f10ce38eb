import { z } from 'zod'
import { defineConfig, tool } from '../../../src/agent/define-config.ts'

const MEGABYTES_3 = 3_000_000
const none = z.object({})

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = { a: [value] }
  return value
}

/** Tools whose arguments and results are larger or stranger than anybody should want. */
export default defineConfig({
  agents: [
    {
      id: 'default',
      model: 'scripted',
      tools: ['large', 'large_object', 'large_error', 'approve', 'strange', 'deep', 'cyclic', 'throws_strange'],
    },
  ],
  tools: {
    large: tool({ inputSchema: none, execute: () => 'x'.repeat(MEGABYTES_3) }),
    large_object: tool({
      inputSchema: none,
      execute: () => Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`key ${String(index)}`, '€'.repeat(30)])),
    }),
    large_error: tool({
      inputSchema: none,
      execute: () => {
        throw new Error('x'.repeat(MEGABYTES_3))
      },
    }),
    approve: tool({
      inputSchema: z.object({ text: z.string() }),
      needsApproval: true,
      execute: ({ text }) => ({ length: text.length }),
    }),
    strange: tool({
      inputSchema: none,
      execute: () => ({
        [`key${String.fromCharCode(0)}\ud800`]: `a${String.fromCharCode(0)}b\udc00`,
        'plain \\u0000': '\\ud800',
      }),
    }),
    deep: tool({ inputSchema: none, execute: () => nested(3_000) }),
    cyclic: tool({
      inputSchema: none,
      execute: () => {
        const value: Record<string, unknown> = {}
        value['self'] = value
        return value
      },
    }),
    throws_strange: tool({
      inputSchema: none,
      execute: () => {
        throw new Error(`a${String.fromCharCode(0)}b\ud800`)
      },
    }),
  },
})

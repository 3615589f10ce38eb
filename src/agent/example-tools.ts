import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { tool } from './define-config.ts'

/** The example tools: between them they reach every way a tool call can go. None touches the outside world. */
export const exampleTools = {
  get_weather: tool({
    description: 'The weather in a city (invented, but always the same for the same city).',
    inputSchema: z.object({ city: z.string().min(1) }),
    repeatable: true,
    execute: ({ city }) => {
      const seed = [...city.toLowerCase()].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973, 7)
      const conditions = ['sunny', 'cloudy', 'rainy', 'windy'] as const
      return { city, temperature_c: (seed % 35) - 5, conditions: conditions[seed % conditions.length] ?? 'sunny' }
    },
  }),
  sleep: tool({
    description: 'Waits for a number of milliseconds; it can be cancelled.',
    inputSchema: z.object({ ms: z.int().min(0).max(3_600_000) }),
    repeatable: true,
    execute: async ({ ms }, { abortSignal }) => {
      await delay(ms, undefined, { signal: abortSignal })
      return { slept_ms: ms }
    },
  }),
  send_email: tool({
    description: 'Sends an e-mail once a person has approved it. (It only pretends to.)',
    inputSchema: z.object({ to: z.string().min(1), subject: z.string(), body: z.string().optional() }),
    needsApproval: true,
    execute: ({ to, subject }) => ({ sent: true, to, subject }),
  }),
  ask_user: tool({
    description: 'Asks the user a question; the answer comes from outside.',
    inputSchema: z.object({ question: z.string().min(1) }),
    external: true,
  }),
  remember: tool({
    description: 'Keeps a value for this conversation under a key; null forgets it. Returns everything that is kept.',
    inputSchema: z.object({
      key: z.string().min(1).max(64),
      value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
    }),
    repeatable: true,
    execute: async ({ key, value }, { context }) => {
      await context.state.patch({ [key]: value })
      return { kept: await context.state.get() }
    },
  }),
  remind: tool({
    description: 'Says something to you again: before your next step, or when you would be done.',
    inputSchema: z.object({ text: z.string().min(1), boundary: z.enum(['next_step', 'on_natural_end']).optional() }),
    repeatable: true,
    execute: ({ text, boundary = 'next_step' }, { context }) => {
      context.stageMessages(text, { boundary })
      return { reminder: text, boundary }
    },
  }),
}

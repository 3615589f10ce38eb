import { startOpenAiServer, type ChatRequest, type OpenAiServer } from '../../support/openai-server.ts'

/** A model endpoint whose words no two attempts share. */
export type WordEndpoint = OpenAiServer & {
  /** The whole answer of the thread's last attempt. */
  accepted(thread: string): string | undefined
  /** Answers that were broken off in the middle. */
  broken(): number
  /** Whether one is under way that will be. */
  breaking(): boolean
}

/**
 * Answers a message `thread <name> …` by a tool call, then by `words` words; every answer's first attempt is broken off
 * in its middle, at another word each time. Some words have more bytes than letters.
 */
export async function startWordEndpoint(
  random: () => number,
  { words, delay_ms }: { words: number; delay_ms: number },
): Promise<WordEndpoint> {
  const attempts = new Map<string, number>()
  const accepted = new Map<string, string>()
  let broken = 0
  let breaking_until = 0
  const server = await startOpenAiServer({
    script(request) {
      const thread = threadOf(request)
      if (request.messages.at(-1)?.role === 'user')
        return {
          kind: 'tools',
          calls: [{ id: `call-${thread}-${String(request.messages.length)}`, name: 'get_weather', args: '{"city":"Oslo"}' }],
        }
      const attempt = (attempts.get(thread) ?? 0) + 1
      attempts.set(thread, attempt)
      const text = Array.from(
        { length: words },
        (_, n) => `${thread}/${String(attempt)}/${String(n)}${n % 7 === 0 ? 'é😀' : ''}`,
      ).join(' ')
      if (attempt % 2 === 1) {
        broken += 1
        const cut_after = 1 + Math.floor((random() * words) / 2)
        breaking_until = Math.max(breaking_until, Date.now() + cut_after * delay_ms)
        return { kind: 'text', text, delay_ms, cut_after }
      }
      accepted.set(thread, text)
      return { kind: 'text', text, delay_ms }
    },
  })
  return {
    ...server,
    accepted: (thread) => accepted.get(thread),
    broken: () => broken,
    breaking: () => Date.now() < breaking_until,
  }
}

function threadOf({ messages }: ChatRequest): string {
  const said = messages.findLast(({ role }) => role === 'user')?.content
  return (typeof said === 'string' ? said : JSON.stringify(said)).match(/thread ([\w-]+)/)?.[1] ?? 'unknown'
}

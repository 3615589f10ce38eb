import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { eventually } from '../../support/engine.ts'
import { ROOT } from '../../support/sources.ts'
import type { Weft } from './weft.ts'

export type Gate = {
  /** Waits until a tool call stands at the gate. */
  reached(): Promise<void>
  /** Lets every call pass that stands there; the next one has to wait again. */
  open(): void
  close(): Promise<void>
}

/** What the scripted model is told so that its run stands at the gate. */
export const TO_THE_GATE = '/tool gate {}'

/**
 * Has the program configured with the example tools and one more, `gate`, which returns when the test lets it: a run
 * then stays in its step for exactly as long as the test has something to do. Call it before the program is started.
 */
export async function installGate(weft: Weft): Promise<Gate> {
  const standing = new Set<ServerResponse>()
  const server = createServer((_request, response) => {
    standing.add(response)
    response.on('close', () => standing.delete(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`
  const from = (path: string): string => JSON.stringify(pathToFileURL(join(ROOT, path)).href)
  weft.write(
    'weft.config.ts',
    `import { jsonSchema } from ${JSON.stringify(import.meta.resolve('ai'))}
import { defineConfig, tool } from ${from('src/agent/define-config.ts')}
import { exampleTools } from ${from('src/agent/example-tools.ts')}

const gate = tool({
  inputSchema: jsonSchema({ type: 'object' }),
  execute: async (_input, { abortSignal }) => {
    await (await fetch(${JSON.stringify(url)}, { signal: abortSignal })).text()
    return { passed: true }
  },
})
const tools = { ...exampleTools, gate }
export default defineConfig({ agents: [{ id: 'default', model: 'scripted', tools: Object.keys(tools) }], tools })
`,
  )
  return {
    reached: async () => void (await eventually(() => standing.size > 0 || undefined, 40_000)),
    open: () => {
      for (const response of standing) response.end('pass')
      standing.clear()
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../test/support/sources.ts'

/**
 * Writes a configuration into a directory: the scripted model, the example tools, and the tool `mark`, which needs an
 * approval and notes in `<directory>/starts` when it begins (ms since the epoch). The agent `remote` asks a model of
 * OpenAI's, or what answers at OPENAI_BASE_URL. Returns the file's path.
 */
export function writeConfig(directory: string, { max_steps = 50 } = {}): string {
  const path = join(directory, 'bench.config.ts')
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs'
import { z } from '${ROOT}/node_modules/zod/index.js'
import { defineConfig, tool } from '${ROOT}/src/agent/define-config.ts'
import { exampleTools } from '${ROOT}/src/agent/example-tools.ts'

const mark = tool({
  description: 'Notes when it starts.',
  inputSchema: z.object({ id: z.string() }),
  needsApproval: true,
  execute: ({ id }) => {
    appendFileSync('${startsFile(directory)}', id + ' ' + (performance.timeOrigin + performance.now()) + '\\n')
    return 'noted'
  },
})

export default defineConfig({
  agents: [
    { id: 'default', model: 'scripted', tools: ['get_weather', 'ask_user', 'mark'], limits: { max_steps: ${String(max_steps)} } },
    { id: 'remote', model: 'openai/any' },
  ],
  tools: { ...exampleTools, mark },
})
`,
  )
  writeFileSync(startsFile(directory), '')
  return path
}

/** Where `mark` notes its starts, one `<id> <ms>` a line. */
export function startsFile(directory: string): string {
  return join(directory, 'starts')
}

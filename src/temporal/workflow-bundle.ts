import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode } from '@temporalio/worker'
import { WITHOUT_TRACES } from './thread-messages.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** The module that decodes what a workflow is sent; replays need it too. */
export const PAYLOAD_CONVERTER = join(ROOT, 'workflows', 'payload-converter.ts')

/**
 * The workflow code in one piece. Bundling takes seconds, so the result is kept until a source of it changes. What hands
 * trace contexts on is in it only if `tracing`.
 */
export async function bundleThreadWorkflow({ tracing = false, stack_traces = false } = {}): Promise<string> {
  const cache = join(ROOT, 'node_modules', '.cache', 'weft-workflows')
  const file = join(cache, `${[hashSources(), ...(tracing ? ['traced'] : []), ...(stack_traces ? ['stacks'] : [])].join('-')}.js`)
  if (existsSync(file)) return readFileSync(file, 'utf8')
  const workflowsPath = join(ROOT, 'workflows', 'index.ts')
  const bundle = await bundleWorkflowCode({
    workflowsPath,
    // Evaluated once and shared by all threads: none of these modules keeps anything of its own.
    preloadModules: [...(stack_traces ? [] : [join(ROOT, WITHOUT_TRACES)]), workflowsPath],
    payloadConverterPath: PAYLOAD_CONVERTER,
    workflowInterceptorModules: ['interceptors.ts', ...(tracing ? ['tracing.ts'] : [])].map((name) =>
      join(ROOT, 'workflows', name),
    ),
    webpackConfigHook: (config) => modern(config),
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error: console.error },
  })
  const code = withLocalGlobals(bundle.code)
  try {
    mkdirSync(cache, { recursive: true })
    writeFileSync(`${file}.${String(process.pid)}`, code)
    renameSync(`${file}.${String(process.pid)}`, file)
  } catch {
    // A checkout that cannot be written, as in a container: it bundles at every start.
  }
  return code
}

type Bundling = Parameters<NonNullable<Parameters<typeof bundleWorkflowCode>[0]['webpackConfigHook']>>[0]

/**
 * The SDK has the code rewritten for engines of 2017, which do not know `{ ...state }`: what stands there instead defines
 * one key after the other, and a state with a long queue has many.
 */
function modern(config: Bundling): Bundling {
  const rules = (config.module?.rules ?? []).map((rule) => {
    if (typeof rule !== 'object' || rule === null || typeof rule.use !== 'object' || Array.isArray(rule.use)) return rule
    const { options } = rule.use ?? {}
    if (typeof options !== 'object' || !('jsc' in options)) return rule
    return { ...rule, use: { ...rule.use, options: { ...options, jsc: { ...options['jsc'], target: 'es2022' } } } }
  })
  return { ...config, module: { ...config.module, rules } }
}

/**
 * Workflow code reaches each global by way of the host, some 200 ns a time, and names thousands of them a run: these,
 * which the SDK neither replaces nor lets anybody change, are looked up once.
 */
function withLocalGlobals(code: string): string {
  return code.replace(BEGINNING, `${BEGINNING} const { ${GLOBALS.join(', ')} } = globalThis;`)
}
const BEGINNING = '(() => { '
const GLOBALS = [
  ...['Array', 'ArrayBuffer', 'BigInt', 'Boolean', 'DataView', 'Error', 'JSON', 'Map', 'Math', 'Number', 'Object', 'Promise'],
  ...['Proxy', 'RangeError', 'Reflect', 'RegExp', 'Set', 'String', 'Symbol', 'TypeError', 'Uint8Array', 'WeakMap', 'WeakSet'],
]

function hashSources(): string {
  const hash = createHash('sha256')
  for (const folder of ['workflows', 'src/thread', 'src/thread/rules', 'src/thread/repair']) {
    for (const name of readdirSync(join(ROOT, folder)).sort()) {
      if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(ROOT, folder, name)))
    }
  }
  hash.update(readFileSync(fileURLToPath(import.meta.url)))
  return hash
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex')
    .slice(0, 32)
}

// What runs in the thread of workflow code, in place of the SDK's own file, which it then loads: see quick-thread.ts.
import { createRequire } from 'node:module'
import { argv } from 'node:process'
import vm from 'node:vm'
import { parentPort } from 'node:worker_threads'
import { WITHOUT_TRACES, type Request, type Response } from './thread-messages.ts'

type Completion = { runId: string; failed?: { failure: unknown } }
type Workflow = {
  activator: { info: { runId: string }; sinkCalls: unknown[]; errorToFailure(error: unknown): unknown }
  activate(activation: unknown): Promise<Completion>
}
type Shared = { BaseVMWorkflow: { prototype: Workflow }; globalHandlers: { setPromiseHook(): void } }
type Options = vm.RunningCodeInNewContextOptions

/** For all calls of one activation together; a task is over after 4 s (names.ts), and then nobody would hear why. */
const LIMIT_MS = 3_000
const WORK = Symbol.for('weft.activation')

const file = argv[2] ?? ''
const require = createRequire(file)
const shared = require('./vm-shared') as Shared
const { prototype } = shared.BaseVMWorkflow
const guarded = new vm.Script(`globalThis[Symbol.for('weft.activation')]()`)
const host = globalThis as { [WORK]?: () => Promise<Completion> }
/** What came of activations that logged nothing. */
const quiet = new WeakSet<Completion>()
let inside = false

// eslint-disable-next-line typescript/unbound-method -- called with its own `this` below
const runInContext = vm.Script.prototype.runInContext
vm.Script.prototype.runInContext = function (this: vm.Script, context: vm.Context, options?: Options): unknown {
  if (!inside || typeof options !== 'object') return runInContext.call(this, context, options)
  const { timeout: _own, ...others } = options
  return runInContext.call(this, context, others)
} as typeof runInContext

// eslint-disable-next-line typescript/unbound-method -- likewise
const { activate } = prototype
prototype.activate = async function (this: Workflow, activation: unknown): Promise<Completion> {
  const completion = await run(this, activation)
  if (this.activator.sinkCalls.length === 0) quiet.add(completion)
  return completion
}

function run(workflow: Workflow, activation: unknown): Promise<Completion> {
  // All calls into workflow code are made before it first waits for anything.
  host[WORK] = () => activate.call(workflow, activation)
  inside = true
  try {
    return guarded.runInThisContext({ timeout: LIMIT_MS }) as Promise<Completion>
  } catch (error) {
    const { info, errorToFailure } = workflow.activator
    return Promise.resolve({ runId: info.runId, failed: { failure: errorToFailure.call(workflow.activator, error) } })
  } finally {
    inside = false
  }
}

/**
 * The SDK notes where each promise was made, for a query that shows it, unless the code was bundled to go without. Only
 * its own hook is left out: before version 24 Node follows async contexts by one like it.
 */
let traced = false
// eslint-disable-next-line typescript/unbound-method -- likewise
const { setPromiseHook } = shared.globalHandlers
shared.globalHandlers.setPromiseHook = () => {
  if (traced) setPromiseHook.call(shared.globalHandlers)
}

if (parentPort !== null) {
  const port = parentPort
  port.once('message', ({ input }: Request) => {
    traced = input.type === 'init' && !input.workflowBundle.code.includes(WITHOUT_TRACES)
  })
  const post = port.postMessage.bind(port)
  port.postMessage = (message: unknown, transfer?: never) => {
    const { result } = message as Partial<Response>
    const output = result?.type === 'ok' ? result.output : undefined
    const logged = output?.type !== 'activation-completion' || !quiet.has(output.completion as Completion)
    post(logged ? message : { ...(message as Response), quiet: true }, transfer)
  }
}

require(file)

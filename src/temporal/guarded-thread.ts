// What runs in the thread of workflow code, in place of the SDK's own file, which it then loads: see quick-thread.ts.
import { createRequire } from 'node:module'
import { argv } from 'node:process'
import vm from 'node:vm'

type Completion = { runId: string; failed: { failure: unknown } }
type Workflow = {
  activator: { info: { runId: string }; errorToFailure(error: unknown): unknown }
  activate(activation: unknown): Promise<unknown>
}
type Options = vm.RunningCodeInNewContextOptions

/** For all calls of one activation together; a task is over after 4 s (names.ts), and then nobody would hear why. */
const LIMIT_MS = 3_000
const WORK = Symbol.for('weft.activation')

const file = argv[2] ?? ''
const require = createRequire(file)
const { prototype } = (require('./vm-shared') as { BaseVMWorkflow: { prototype: Workflow } }).BaseVMWorkflow
const guarded = new vm.Script(`globalThis[Symbol.for('weft.activation')]()`)
const host = globalThis as { [WORK]?: () => Promise<unknown> }
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
prototype.activate = function (this: Workflow, activation: unknown): Promise<unknown> {
  // All calls into workflow code are made before it first waits for anything.
  host[WORK] = () => activate.call(this, activation)
  inside = true
  try {
    return guarded.runInThisContext({ timeout: LIMIT_MS }) as Promise<unknown>
  } catch (error) {
    const { info, errorToFailure } = this.activator
    const completion: Completion = { runId: info.runId, failed: { failure: errorToFailure.call(this.activator, error) } }
    return Promise.resolve(completion)
  } finally {
    inside = false
  }
}

require(file)

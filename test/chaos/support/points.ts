import { AsyncLocalStorage } from 'node:async_hooks'
import { appendFileSync } from 'node:fs'

/** Where a process is to die: before or after the n-th call of one method, among calls that are about one thread. */
export type KillPoint = { when: 'before' | 'after'; point: string; call: number }
type Options = { thread: string; armed: KillPoint | null; file: string }

/**
 * Wraps whole ports, so that no method is forgotten: every call that is about the thread is noted in a file, and the
 * one that is armed ends this process by SIGKILL. What is about the thread: a call that names it, and whatever is
 * called meanwhile.
 */
export class Points {
  readonly #options: Options
  readonly #about = new AsyncLocalStorage<boolean>()
  readonly #calls = new Map<string, number>()

  constructor(options: Options) {
    this.#options = options
  }

  /** Every function of a port, as `<name>.<method>`; its own fields and getters stay as they are. */
  wrap<T extends object>(name: string, port: T): T {
    return new Proxy(port, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key)
        if (typeof value !== 'function' || typeof key !== 'string') return value
        return (...args: unknown[]): unknown => this.#call(`${name}.${key}`, args, () => Reflect.apply(value, target, args))
      },
    })
  }

  /** Whatever happens in `work` is about the thread if `named` names it. */
  about<T>(named: string, work: () => T): T {
    return named.includes(this.#options.thread) ? this.#about.run(true, work) : work()
  }

  #call(point: string, args: unknown[], call: () => unknown): unknown {
    const about = this.#about.getStore() === true || mentions(args, this.#options.thread)
    if (!about) return call()
    const n = (this.#calls.get(point) ?? 0) + 1
    this.#calls.set(point, n)
    if (n === 1) this.#note(`called ${point}`)
    this.#dieAt('before', point, n)
    return this.#about.run(true, () => {
      const result = call()
      if (!(result instanceof Promise)) {
        this.#dieAt('after', point, n)
        return result
      }
      return result.then((value: unknown) => {
        this.#dieAt('after', point, n)
        return value
      })
    })
  }

  #dieAt(when: KillPoint['when'], point: string, call: number): void {
    const { armed } = this.#options
    if (armed?.when !== when || armed.point !== point || armed.call !== call) return
    this.#note(`died ${when} ${point} ${String(call)}`)
    process.kill(process.pid, 'SIGKILL')
    // The signal comes a moment later; nothing may happen until then.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }

  #note(line: string): void {
    appendFileSync(this.#options.file, `${line}\n`)
  }
}

function mentions(args: readonly unknown[], thread: string): boolean {
  return args.some((arg) => typeof arg !== 'function' && JSON.stringify(arg)?.includes(thread))
}

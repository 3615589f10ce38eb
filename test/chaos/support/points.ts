import { AsyncLocalStorage } from 'node:async_hooks'
import { appendFileSync } from 'node:fs'
import type { Database } from '../../../src/store/database.ts'
import { onWrite } from './writes.ts'

/** Where a process is to die: before or after the first call of one method, or of a transaction in it. */
export type KillPoint = { when: 'before' | 'after'; point: string }
/** What a process notes about a point, one line each. `wrote`: the database was changed in it. */
export type Note = 'called' | 'wrote' | 'died'
type Call = { point: string; outer: Call | null }

/**
 * Wraps whole ports, so that no method is forgotten: each first call is noted in a file, and the point that is armed
 * ends this process by SIGKILL.
 */
export class Points {
  /** All methods of all ports. */
  readonly declared: string[] = []
  readonly #armed: KillPoint | null
  readonly #file: string
  readonly #call = new AsyncLocalStorage<Call>()
  readonly #noted = new Set<string>()

  constructor({ armed, file }: { armed: KillPoint | null; file: string }) {
    this.#armed = armed
    this.#file = file
  }

  /** Every function of a port is a point, as `<name>.<method>`; its other fields stay as they are. */
  wrap<T extends object>(name: string, port: T): T {
    if (Object.getPrototypeOf(port) !== Object.prototype) throw new Error(`${name}: methods of a class would be missed.`)
    const wrapped: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(port)) {
      const point = `${name}.${key}`
      if (typeof value !== 'function')
        Object.defineProperty(wrapped, key, { enumerable: true, get: () => Reflect.get(port, key) })
      else {
        this.declared.push(point)
        wrapped[key] = (...args: unknown[]): unknown => this.#visit(point, () => Reflect.apply(value, port, args))
      }
    }
    return wrapped as T
  }

  /** Each transaction is a point of the method that it is in; a statement that changes something is noted for all that it is in. */
  wrapDatabase(database: Database): Database {
    const wrote = (): void => {
      for (let call = this.#call.getStore() ?? null; call !== null; call = call.outer) this.#note('wrote', call.point)
    }
    const inside = (): string => `${this.#call.getStore()?.point ?? 'database'} (transaction)`
    return {
      run: (work) => database.run((db) => work(onWrite(db, wrote))),
      transaction: (work) =>
        this.#visit(inside(), () => database.transaction((tx) => work(onWrite(tx, wrote)))) as ReturnType<typeof work>,
      long: (work) => this.#visit(inside(), () => database.long((tx) => work(onWrite(tx, wrote)))) as ReturnType<typeof work>,
      close: () => database.close(),
    }
  }

  #visit(point: string, call: () => unknown): unknown {
    this.#note('called', point)
    this.#dieAt('before', point)
    return this.#call.run({ point, outer: this.#call.getStore() ?? null }, () => {
      const result = call()
      if (!(result instanceof Promise)) {
        this.#dieAt('after', point)
        return result
      }
      return result.then((value: unknown) => {
        this.#dieAt('after', point)
        return value
      })
    })
  }

  #dieAt(when: KillPoint['when'], point: string): void {
    if (this.#armed?.when !== when || this.#armed.point !== point) return
    this.#note('died', `${when} ${point}`)
    process.kill(process.pid, 'SIGKILL')
    // The signal comes a moment later; nothing may happen until then.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }

  #note(what: Note, point: string): void {
    const line = `${what} ${point}`
    if (this.#noted.has(line)) return
    this.#noted.add(line)
    appendFileSync(this.#file, `${line}\n`)
  }
}

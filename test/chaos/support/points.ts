import { AsyncLocalStorage } from 'node:async_hooks'
import { appendFileSync } from 'node:fs'
import { sql } from 'kysely'
import type { Database } from '../../../src/store/database.ts'
import type { Db, Tx } from '../../../src/store/schema.ts'
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
  readonly #survey: boolean
  readonly #call = new AsyncLocalStorage<Call>()
  readonly #noted = new Set<string>()

  constructor({ armed, file, survey }: { armed: KillPoint | null; file: string; survey: boolean }) {
    this.#armed = armed
    this.#survey = survey
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

  /**
   * Each transaction is a point of the method that it is in. In a survey it is found out what changes anything: by the
   * statements, and by asking the database after each piece of work, since a statement may call a function that writes.
   */
  wrapDatabase(database: Database): Database {
    const inside = (): string => `${this.#call.getStore()?.point ?? 'database'} (transaction)`
    const asked = <T>(work: (tx: Tx) => Promise<T>): ((tx: Tx) => Promise<T>) => {
      if (!this.#survey) return work
      return async (tx) => {
        const result = await work(onWrite(tx, () => this.#wrote()))
        if (await hasNumber(tx)) this.#wrote()
        return result
      }
    }
    const visited = <T>(begin: () => Promise<T>): Promise<T> => this.#visit(inside(), begin) as Promise<T>
    return {
      // A number is given out within a transaction only, so a survey makes one of every piece of work.
      run: (work) =>
        this.#survey
          ? database.transaction(asked((tx) => work(watched(tx, (inner) => visited(() => inner(tx))))))
          : database.run((db) => work(watched(db, (inner) => visited(() => db.transaction().execute(inner))))),
      transaction: (work) => visited(() => database.transaction(asked(work))),
      long: (work) => visited(() => database.long(asked(work))),
      close: () => database.close(),
    }
  }

  #wrote(): void {
    for (let call = this.#call.getStore() ?? null; call !== null; call = call.outer) this.#note('wrote', call.point)
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

/** The database gives a number to a transaction only when it changes something. */
async function hasNumber(tx: Tx): Promise<boolean> {
  const { rows } = await sql<{ there: boolean }>`select pg_current_xact_id_if_assigned() is not null as there`.execute(tx)
  return rows[0]?.there === true
}

/** The same way to the tables, but for how a transaction is begun in it. */
function watched(db: Db, begin: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>): Db {
  return new Proxy(db, {
    get: (target, key) => {
      if (key === 'transaction') return () => ({ execute: begin })
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import pg from 'pg'
import { endsConnection, sqlState, toStoreError } from './failures.ts'
import { scrubParameters } from './json-text.ts'
import { statementNames } from './statement-names.ts'
import { StoreUnavailable } from './store.ts'

const INT8 = 20
const parsers: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as never,
}

/** However long a checkout may last: a server that has not connected or answered by then is away (ms). */
const ANSWER_MS = 3_000
const STALE = 'A table has changed under a prepared statement.'

/** A pool for kysely whose every checkout (waiting, connecting, all its statements) ends within `timeout_ms`. */
export function postgresPool(options: { database_url: string; size: number; timeout_ms: number }): PostgresPool {
  const { timeout_ms } = options
  const isLong = timeout_ms > ANSWER_MS
  const nameOf = statementNames()
  const pool = new pg.Pool({
    connectionString: options.database_url,
    max: options.size,
    // Of the pool, where a checkout may wait for another one; a connection's own is below.
    connectionTimeoutMillis: timeout_ms,
    Client: Connecting,
    // The server gives up too, so that nobody's abandoned statement holds a row.
    statement_timeout: timeout_ms,
    idle_in_transaction_session_timeout: timeout_ms * 2,
    keepAlive: true,
    application_name: 'weft',
    types: parsers,
  })
  // A connection that dies while idle is dropped by the pool; one in use reports through its statement.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return {
    options: pool.options,
    connect: async () => {
      const began = Date.now()
      try {
        const client = new TimedClient(await pool.connect(), nameOf, { timeout_ms, began })
        if (isLong) await client.mustAnswer()
        return client
      } catch (error) {
        throw toStoreError(error)
      }
    },
    end: () => pool.end(),
  }
}

/**
 * The connection has prepared a statement for a table as it was, or has lost it to a pooler that gave its session away.
 * It cannot prepare anew under the same name, so another connection does.
 */
function isStale(error: unknown): boolean {
  const state = sqlState(error)
  return state === '0A000' || state === '26000'
}

class Connecting extends pg.Client {
  constructor(config: pg.ClientConfig = {}) {
    super({ ...config, connectionTimeoutMillis: Math.min(config.connectionTimeoutMillis ?? ANSWER_MS, ANSWER_MS) })
  }
}

/**
 * One checkout. A database that has stopped answering cannot be asked to cancel anything, so when the time is up the
 * socket is destroyed: the statement under way fails at once and the pool forgets the connection.
 */
class TimedClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient
  readonly #timer: NodeJS.Timeout
  readonly #nameOf: (text: string) => string | undefined
  #broken: unknown = null

  constructor(
    client: pg.PoolClient,
    nameOf: (text: string) => string | undefined,
    { timeout_ms, began }: { timeout_ms: number; began: number },
  ) {
    this.#client = client
    this.#nameOf = nameOf
    this.#timer = setTimeout(() => this.#giveUp(timeout_ms), Math.max(0, timeout_ms - (Date.now() - began)))
  }

  /** For a connection that may have been dropped on its way while it was idle, before anybody waits a minute for it. */
  async mustAnswer(): Promise<void> {
    const timer = setTimeout(() => this.#giveUp(ANSWER_MS), ANSWER_MS)
    try {
      await this.query('select 1', [])
    } catch (error) {
      this.release()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #giveUp(after_ms: number): void {
    this.#broken = new StoreUnavailable(`The database did not answer within ${String(after_ms)} ms.`)
    const { connection } = this.#client as unknown as { connection: { stream: { destroy(): void } } }
    connection.stream.destroy()
  }

  get processID(): number | undefined {
    return (this.#client as unknown as { processID?: number }).processID
  }

  query<R>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<R>>
  query<R>(cursor: never): R
  async query(text: unknown, values: readonly unknown[] = []): Promise<unknown> {
    if (this.#broken !== null) throw this.#broken
    try {
      const name = this.#nameOf(text as string)
      return await this.#client.query({
        ...(name === undefined ? {} : { name }),
        text: text as string,
        values: scrubParameters(values),
      })
    } catch (error) {
      const seen = this.#broken ?? (isStale(error) ? new StoreUnavailable(STALE, { cause: error }) : toStoreError(error))
      if (endsConnection(error) || isStale(error)) this.#broken ??= seen
      throw seen
    }
  }

  release(destroy?: boolean): void {
    clearTimeout(this.#timer)
    this.#client.release(destroy === true || this.#broken !== null)
  }
}

import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import pg from 'pg'
import { endsConnection, toStoreError } from './failures.ts'
import { scrubParameters } from './json-text.ts'
import { StoreUnavailable } from './store.ts'

const INT8 = 20
const parsers: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as never,
}

/** A pool for kysely whose every checkout (waiting, connecting, all its statements) ends within `timeout_ms`. */
export function postgresPool(options: { database_url: string; size: number; timeout_ms: number }): PostgresPool {
  const { timeout_ms } = options
  const pool = new pg.Pool({
    connectionString: options.database_url,
    max: options.size,
    connectionTimeoutMillis: timeout_ms,
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
        return new TimedClient(await pool.connect(), timeout_ms, began)
      } catch (error) {
        throw toStoreError(error)
      }
    },
    end: () => pool.end(),
  }
}

/**
 * One checkout. A database that has stopped answering cannot be asked to cancel anything, so when the time is up the
 * socket is destroyed: the statement under way fails at once and the pool forgets the connection.
 */
class TimedClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient
  readonly #timer: NodeJS.Timeout
  #broken: unknown = null

  constructor(client: pg.PoolClient, timeout_ms: number, began: number) {
    this.#client = client
    this.#timer = setTimeout(
      () => {
        this.#broken = new StoreUnavailable(`The database did not answer within ${timeout_ms} ms.`)
        const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
        connection.stream.destroy()
      },
      Math.max(0, timeout_ms - (Date.now() - began)),
    )
  }

  get processID(): number | undefined {
    return (this.#client as unknown as { processID?: number }).processID
  }

  query<R>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<R>>
  query<R>(cursor: never): R
  async query(text: unknown, values: readonly unknown[] = []): Promise<unknown> {
    if (this.#broken !== null) throw this.#broken
    try {
      return await this.#client.query(text as string, scrubParameters(values))
    } catch (error) {
      const seen = this.#broken ?? toStoreError(error)
      if (endsConnection(error)) this.#broken ??= seen
      throw seen
    }
  }

  release(destroy?: boolean): void {
    clearTimeout(this.#timer)
    this.#client.release(destroy === true || this.#broken !== null)
  }
}

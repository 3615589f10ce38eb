import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { watchConnection } from './alive.ts'
import type { LiveBus } from './bus.ts'
import { createListeners } from './listeners.ts'
import { packFrames, unpackFrames, type Addressed } from './postgres-payload.ts'

export type PostgresBusOptions = {
  database_url: string
  /** Every process of one deployment uses the same channel. */
  channel?: string
  /** How long frames are gathered before one round trip sends them, in ms. */
  batch_ms?: number
  /** How often the connection is asked whether it still stands, in ms; one that is silent twice as long is given up. */
  alive_ms?: number
  /** Hears of lost connections; they mend themselves. */
  onError?: (error: unknown) => void
}

const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 5_000
/** Above this the oldest waiting frames are dropped: the database is away, and the log will tell. */
const MAX_WAITING_FRAMES = 5_000
const CONNECT_TIMEOUT_MS = 5_000

/**
 * The live bus between processes, over LISTEN/NOTIFY. One connection listens and sends. Subscribers in the same
 * process hear a frame at once and without the database. `ready` resolves when the first LISTEN stands; frames
 * published while there is no connection are kept up to a bound.
 */
export function createPostgresBus(options: PostgresBusOptions): LiveBus & { ready: Promise<void> } {
  const { database_url, channel = 'weft_live', batch_ms = 4, alive_ms = 4_000, onError = () => {} } = options
  const origin = randomUUID()
  const listeners = createListeners(onError)
  let client: pg.Client | null = null
  let closed = false
  let waiting: Addressed[] = []
  let sending = false
  let timer: NodeJS.Timeout | null = null
  let retry: NodeJS.Timeout | null = null
  let backoff = RECONNECT_MIN_MS
  let counter = 0
  let connected_before = false
  let opened = (): void => {}
  const ready = new Promise<void>((resolve) => (opened = resolve))

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: database_url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true })
    next.on('error', onError)
    let unwatch = (): void => {}
    next.on('end', () => {
      unwatch()
      // One that never came to be of use is seen to below, and may end late, when another has taken its place.
      if (client !== next) return
      client = null
      reconnect()
    })
    next.on('notification', ({ payload }) => {
      const unpacked = unpackFrames(payload ?? '')
      if (unpacked === null || unpacked.origin === origin) return
      for (const { tenant, frame } of unpacked.frames) listeners.deliver(tenant, frame)
    })
    try {
      await next.connect()
      unwatch = watchConnection(next, alive_ms)
      // NOTIFY takes one lock for the whole server until its commit is on disk; frames may be lost, so none need wait for that.
      await next.query('SET synchronous_commit TO off')
      await next.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
    } catch (error) {
      unwatch()
      onError(error)
      next.end().catch(onError)
      reconnect()
      return
    }
    if (closed) {
      unwatch()
      await next.end().catch(onError)
      return
    }
    client = next
    backoff = RECONNECT_MIN_MS
    opened()
    if (connected_before) listeners.missed()
    connected_before = true
    flush()
  }

  function reconnect(): void {
    if (closed || retry !== null) return
    retry = setTimeout(() => {
      retry = null
      void connect()
    }, backoff)
    backoff = Math.min(RECONNECT_MAX_MS, backoff * 2)
  }

  function flush(): void {
    timer = null
    const connection = client
    if (connection === null || sending || waiting.length === 0) return
    sending = true
    const batch = waiting
    waiting = []
    const payloads = packFrames(origin, () => (counter += 1), batch)
    connection
      .query('SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload', [channel, payloads])
      .catch(onError)
      .finally(() => {
        sending = false
        if (waiting.length > 0) flush()
      })
  }

  void connect()
  return {
    ready,
    publish(tenant, frame) {
      if (closed) return
      queueMicrotask(() => {
        listeners.deliver(tenant, frame)
      })
      waiting.push({ tenant, frame })
      if (waiting.length > MAX_WAITING_FRAMES) waiting = waiting.slice(-MAX_WAITING_FRAMES / 2)
      timer ??= setTimeout(flush, batch_ms)
    },
    subscribe: (tenant, thread_id, listener) => (closed ? () => {} : listeners.add(tenant, thread_id, listener)),
    async close() {
      closed = true
      listeners.clear()
      if (timer !== null) clearTimeout(timer)
      if (retry !== null) clearTimeout(retry)
      opened()
      const connection = client
      client = null
      await connection?.end().catch(onError)
    },
  }
}

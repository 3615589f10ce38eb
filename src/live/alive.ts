import type pg from 'pg'

/**
 * Asks a connection now and then, and breaks it when one question has had no answer by the time of the next. Whoever
 * only listens never finds out otherwise that a firewall on the way has dropped its connection: nothing comes, as ever,
 * and keepalives of TCP ask for the first time after two hours. Returns the way to stop; `every_ms` in ms.
 */
export function watchConnection(client: pg.Client, every_ms: number): () => void {
  let open = false
  const timer = setInterval(() => {
    if (open) {
      const { connection } = client as unknown as { connection: { stream: { destroy(error: Error): void } } }
      connection.stream.destroy(new Error('The connection does not answer.'))
      return
    }
    open = true
    // A failure is told by the connection's end.
    client.query('SELECT 1').then(
      () => (open = false),
      () => undefined,
    )
  }, every_ms)
  return () => clearInterval(timer)
}

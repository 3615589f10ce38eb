/** Has a process that was started with `--inspect` collect its garbage, so that what it holds can be told from what it has dropped. */
export type Collector = { collect(): Promise<void>; close(): void }

/** @param port Where the process listens for debuggers, on 127.0.0.1. */
export async function openCollector(port: number): Promise<Collector> {
  const targets = (await (await fetch(`http://127.0.0.1:${String(port)}/json/list`)).json()) as { webSocketDebuggerUrl: string }[]
  const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? '')
  const waiting = new Map<number, () => void>()
  socket.addEventListener('message', ({ data }) => waiting.get((JSON.parse(String(data)) as { id: number }).id)?.())
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  let id = 0
  return {
    collect: () =>
      new Promise((resolve) => {
        waiting.set(++id, resolve)
        socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }))
      }),
    close: () => socket.close(),
  }
}

import { readFileSync } from 'node:fs'

/** In bytes: the process's resident memory, and what its JavaScript holds (heap and buffers). */
export type Memory = { resident: number; held: number }

export async function memoryOf({ api, pid }: { api: string; pid: number }): Promise<Memory> {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8')
  const page = await (await fetch(`${api}/metrics`)).text()
  const figure = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1] ?? Number.NaN)
  return {
    resident: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024,
    held: figure('nodejs_heap_size_used_bytes') + figure('nodejs_external_memory_bytes'),
  }
}

/** Samples again and again until it is stopped; the samples, oldest first. */
export function sampleMemory(facts: { api: string; pid: number }, every_ms: number): { stop(): Promise<Memory[]> } {
  const samples: Memory[] = []
  let stopped = false
  const sampling = (async () => {
    while (!stopped) {
      const sample = await memoryOf(facts).catch(() => null)
      if (sample !== null) samples.push(sample)
      await new Promise((resolve) => setTimeout(resolve, every_ms))
    }
  })()
  return {
    async stop() {
      stopped = true
      await sampling
      return samples
    },
  }
}

export const megabytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1)

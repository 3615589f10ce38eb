import { request, type Agent } from 'node:http'

/** One GET over a connection that stays open: ms to the last byte, and how many bytes. Throws for anything but 200. */
export function timedGet(address: string, agent: Agent): Promise<{ ms: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const asked = request(address, { agent, headers: { accept: 'application/json' } }, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => (bytes += chunk.length))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`GET ${address} answered ${String(response.statusCode)}`))
        resolve({ ms: performance.now() - began, bytes })
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KillableSettings } from './killable-process.ts'

const PROGRAM = join(import.meta.dirname, 'killable-process.ts')

/** A process that dies where it is told to; its parent sees how it ended. */
export type Killable = {
  /** All methods of all ports. */
  declared: string[]
  ended: Promise<{ signal: NodeJS.Signals | null; stderr: string }>
  hasEnded(): boolean
  stop(): Promise<void>
}

export async function startKillable(settings: KillableSettings): Promise<Killable> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', PROGRAM, JSON.stringify(settings)],
    {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    },
  )
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  const ended = new Promise<{ signal: NodeJS.Signals | null; stderr: string }>((resolve) => {
    child.once('close', (_code, signal) => resolve({ signal, stderr }))
  })
  const declared = await new Promise<string[]>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { declared: string[] }).declared))
    void ended.then(() => reject(new Error(`It ended before it was ready: ${stderr}`)))
  })
  return {
    declared,
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    async stop() {
      // The SDK's runtime takes the other signals for itself.
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** The lines that the process has noted about one kind of thing. */
export function noted(file: string, what: 'called' | 'died'): string[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.slice(what.length + 1))
}

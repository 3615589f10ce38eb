import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KillableSettings } from './killable-process.ts'
import type { Note } from './points.ts'

const PROGRAM = join(import.meta.dirname, 'killable-process.ts')

export type Ended = { signal: NodeJS.Signals | null; code: number | null; stderr: string }
/** A process that dies where it is told to; its parent sees how it ended. */
export type Killable = {
  /** All methods of all ports, once it takes requests; null if it ends before that. */
  ready: Promise<string[] | null>
  ended: Promise<Ended>
  hasEnded(): boolean
  /** Asks it to end in an orderly way. */
  close(): void
  kill(): Promise<void>
}

export function startKillable(settings: KillableSettings): Killable {
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
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ signal, code, stderr }))
  })
  const said = new Promise<string[]>((resolve) => {
    child.once('message', (message) => resolve((message as { declared: string[] }).declared))
  })
  return {
    ready: Promise.race([said, ended.then(() => null)]),
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    close: () => {
      child.send('end', () => undefined)
    },
    async kill() {
      // The SDK's runtime takes the other signals for itself.
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** The lines that the processes of one visit have noted about one kind of thing, in order. */
export function noted(file: string, what: Note): string[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.slice(what.length + 1))
}

import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const LOG_LIMIT_BYTES = 10_000_000
const TERM_WAIT_MS = 5_000

/** One life of the server program. */
export type ServerProcess = {
  pid: number
  /** Resolves when the process has ended. */
  exited: Promise<string>
  hasExited(): boolean
  /** What it said last in its log, in words fit for a sentence; empty if nothing. */
  lastWords(): string
  /** Whether its log of this life has something like this. */
  hasSaid(pattern: RegExp): boolean
  /** SIGTERM, and SIGKILL if that is not enough. */
  stop(): Promise<void>
}

/**
 * Starts the program detached, in a process group of its own: a Ctrl-C must not reach it before the worker has
 * finished with it. Rejects if it cannot be executed.
 */
export async function spawnServer(program: string, args: string[], logFile: string): Promise<ServerProcess> {
  const logSize = fileSize(logFile)
  const fresh = logSize > LOG_LIMIT_BYTES
  const from = fresh ? 0 : logSize
  const log = openSync(logFile, fresh ? 'w' : 'a')
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  let ended = false
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = true
      resolve(signal === null ? `exit code ${code}` : signal)
    })
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.unref()
  const stop = async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (ended) return
      child.ref()
      child.kill(signal)
      await Promise.race([exited, sleep(TERM_WAIT_MS, undefined, { ref: false })])
    }
  }
  return {
    pid: child.pid ?? 0,
    exited,
    hasExited: () => ended,
    lastWords: () => lastWords(wordsOf(logFile, from)),
    hasSaid: (pattern) => pattern.test(wordsOf(logFile, from)),
    stop,
  }
}

function fileSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** What was written after `from` bytes. */
function wordsOf(logFile: string, from: number): string {
  return readFileSync(logFile).subarray(from).toString('utf8')
}

/** The message of the last line; of a structured line only its `msg`. */
function lastWords(words: string): string {
  const line =
    words
      .split('\n')
      .map((text) => text.trim())
      .findLast((text) => text !== '') ?? ''
  const message = /\bmsg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]
  return (message === undefined ? line : message.replaceAll('\\"', '"')).replace(/^Error: /, '')
}

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../http/support/client.ts'
import { checkService } from './check-everywhere.ts'
import { ROOT } from './sources.ts'

export type Facts = { api: string; temporal: string; temporal_ui: string; temporal_cli: string; pid: number }
export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

/** A real process of the program, or of the bootstrap script that starts it. */
export type Started = {
  child: ChildProcess
  /** Resolves with the JSON line; rejects with what it said if it ends before. */
  facts: Promise<Facts>
  ended: Promise<Ended>
}

/** A place for processes of one test: a data directory, and the end of everything that was started on it. */
export function createPlace(): { dir: string; dataDir: string; start: typeof start; clean(): void } {
  // Real paths, because a process's command line shows them.
  const dir = execFileSync('realpath', [mkdtempSync(join(tmpdir(), 'weft-program-'))], { encoding: 'utf8' }).trim()
  const dataDir = join(dir, 'data')
  const children: ChildProcess[] = []

  function start(env: Record<string, string> = {}, { through = [] as string[], args = ['--json'] } = {}): Started {
    const child = spawn(process.execPath, [...through, join(ROOT, 'src', 'main.ts'), ...args], {
      // Elsewhere than the checkout, so that a developer's .env does not count.
      cwd: dir,
      // A process group of its own, so that a test can do what a Ctrl-C does.
      detached: true,
      env: { ...environment(), WEFT_DATA_DIR: dataDir, WEFT_CONFIG: join(ROOT, 'weft.config.ts'), ...env },
      // The program shuts down when the channel closes, so that a test run that dies leaves nothing behind.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    child.channel?.unref()
    children.push(child)
    return watch(child)
  }

  function clean(): void {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    for (const pid of processesOf(dir)) process.kill(pid, 'SIGKILL')
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  }
  return { dir, dataDir, start, clean }
}

/** Nothing of this machine's settings but what finds programs; every port free. */
function environment(): Record<string, string | undefined> {
  const { PATH, HOME, XDG_CACHE_HOME, LANG } = process.env
  return { PATH, HOME, XDG_CACHE_HOME, LANG, PORT: '0', WEFT_TEMPORAL_PORT: '0', WEFT_TEMPORAL_UI_PORT: '0' }
}

function watch(child: ChildProcess): Started {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const facts = new Promise<Facts>((resolve, reject) => {
    child.stdout?.on('data', () => {
      if (stdout.includes('\n')) resolve(JSON.parse(stdout.slice(0, stdout.indexOf('\n'))) as Facts)
    })
    void ended.then(() => reject(new Error(`It ended before it was healthy: ${stderr}`)))
  })
  // Tests of refusals never ask for them.
  facts.catch(() => undefined)
  return { child, facts, ended }
}

/** Numbers of the living processes whose command line names `text`. */
export function processesOf(text: string): number[] {
  const lines = execFileSync('ps', ['-ww', '-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n')
  return lines.filter((line) => line.includes(text)).map((line) => Number.parseInt(line, 10))
}

/** A process that has ended but that nobody has waited for is not alive. */
export function isAlive(pid: number): boolean {
  try {
    const state = execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
    return !state.startsWith('Z')
  } catch {
    return false
  }
}

/** The number of the embedded Temporal server on a data directory. */
export function temporalPid(dataDir: string): number {
  return Number.parseInt(readFileSync(join(dataDir, 'temporal.pid'), 'utf8'), 10)
}

/**
 * Runs an agent through the API and gives its answer as text, once every log there is in order. A thread whose worker was killed in the middle of a
 * workflow task answers once that task has timed out (10 s); until then it says 503, and the same request is sent again.
 */
export async function ask(api: string, thread_id: string, content: string): Promise<string> {
  const idempotencyKey = randomUUID()
  for (const deadline = Date.now() + 30_000; ; await sleep(200)) {
    const response = await fetch(`${api}/v1/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify({ agent_id: 'default', thread_id, messages: [{ role: 'user', content }] }),
    })
    const answer = await response.text()
    if (response.status === 503 && Date.now() < deadline) continue
    if (response.ok) await checkService(createClient(api))
    return answer
  }
}

import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const TERM_WAIT_MS = 5_000
const KILL_WAIT_MS = 2_000

/** Notes which process serves the database, so that a later start can find it although its parent was killed. */
export async function writePidFile(pidFile: string, pid: number): Promise<void> {
  await writeFile(pidFile, `${pid}\n`)
}

export async function removePidFile(pidFile: string): Promise<void> {
  await rm(pidFile, { force: true })
}

/**
 * Stops a server that an earlier process left behind on this database, and says whether there was one. A process
 * that merely has the noted number by now is left alone: its command line must name the database.
 */
export async function stopOrphan(pidFile: string, databaseFile: string): Promise<boolean> {
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10)
  if (!(pid > 1) || !(await serves(pid, databaseFile))) return false
  for (const [signal, wait] of [
    ['SIGTERM', TERM_WAIT_MS],
    ['SIGKILL', KILL_WAIT_MS],
  ] as const) {
    send(pid, signal)
    if (await isGone(pid, databaseFile, wait)) break
  }
  await removePidFile(pidFile)
  return true
}

async function isGone(pid: number, databaseFile: string, wait: number): Promise<boolean> {
  const end = Date.now() + wait
  while (await serves(pid, databaseFile)) {
    if (Date.now() > end) return false
    await sleep(50)
  }
  return true
}

/** A dead process that nobody has reaped has an empty command line, so it does not count. */
async function serves(pid: number, databaseFile: string): Promise<boolean> {
  const command = await commandLine(pid)
  return command.includes('start-dev') && command.includes(databaseFile)
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const raw = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return raw.replaceAll('\0', ' ')
  }
  const [program, args] =
    process.platform === 'win32'
      ? ['powershell', ['-NoProfile', '-Command', `(Get-CimInstance Win32_Process -Filter "ProcessId=${pid}").CommandLine`]]
      : ['ps', ['-ww', '-o', 'command=', '-p', String(pid)]]
  const result = await promisify(execFile)(program as string, args as string[]).catch(() => ({ stdout: '' }))
  return result.stdout
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended in the meantime.
  }
}

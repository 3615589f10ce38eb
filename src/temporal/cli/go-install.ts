import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { childEnvironment } from '../../config.ts'
import { CLI_VERSION, EXECUTABLE_SUFFIX } from './cache.ts'
import type { Obtain } from './download.ts'
import { worksAsCli } from './search-path.ts'

const MODULE = `github.com/temporalio/cli/cmd/temporal@${CLI_VERSION}`
const PROGRESS_MS = 5_000

/**
 * Builds the CLI with Go and moves it to `target` in one step, so that nobody ever sees half a program. Says whether
 * that worked; if not, reports what Go said last.
 */
export async function installWithGo({ go, target, report, signal }: Obtain & { go: string }): Promise<boolean> {
  mkdirSync(dirname(target), { recursive: true })
  const directory = mkdtempSync(join(dirname(target), '.build-'))
  const began = Date.now()
  report(`Building the Temporal CLI ${CLI_VERSION} with Go; this takes about two minutes and is done once.`)
  const progress = setInterval(() => {
    report(`Building the Temporal CLI with Go: ${Math.round((Date.now() - began) / 1000)} s so far…`)
  }, PROGRESS_MS)
  try {
    const result = await runGo(go, directory, signal)
    const built = join(directory, `temporal${EXECUTABLE_SUFFIX}`)
    if (result.ok && (await worksAsCli(built))) {
      renameSync(built, target)
      return true
    }
    if (signal?.aborted !== true) report(`Go could not build the Temporal CLI: ${result.lastLine || 'it gave no reason'}`)
    return false
  } finally {
    clearInterval(progress)
    rmSync(directory, { recursive: true, force: true })
  }
}

function runGo(go: string, binDirectory: string, signal: AbortSignal | undefined): Promise<{ ok: boolean; lastLine: string }> {
  return new Promise((resolve) => {
    const child = spawn(go, ['install', MODULE], {
      env: childEnvironment({ GOBIN: binDirectory }),
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(-4_000)))
    child.once('error', (error) => resolve({ ok: false, lastLine: error.message }))
    child.once('close', (code) => resolve({ ok: code === 0, lastLine: said.trim().split('\n').at(-1) ?? '' }))
  })
}

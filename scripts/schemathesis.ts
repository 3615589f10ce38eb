// Puts Schemathesis (Python) where this project's fuzz tests find it, and prints its path: `node scripts/schemathesis.ts`.
// The versions are those of test/fuzz/requirements.txt; they come from the registry that pip is set up for.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '../src/config.ts'
import { withFileLock } from '../src/temporal/cli/file-lock.ts'

const REQUIREMENTS = fileURLToPath(new URL('../test/fuzz/requirements.txt', import.meta.url))
/** The oldest Python that the pinned versions run on. */
const CHECK = 'import sys, venv; assert sys.version_info >= (3, 10); print(sys.version)'
const HELP =
  'The fuzz tests need Python 3.10 or newer with its venv module, and a registry that pip can reach: install python3 and python3-venv.'

/**
 * The path of a `schemathesis` program of the pinned versions: the one in the cache, else installed into an environment
 * of its own there (half a minute, once for each Python and each list of versions). Throws with a sentence that says
 * what is missing.
 */
export async function obtainSchemathesis(report: (sentence: string) => void = () => {}): Promise<string> {
  const python = await run('python3', ['-c', CHECK])
  if (python === null) throw new Error(HELP)
  const name = createHash('sha256')
    .update(`${python}\n${readFileSync(REQUIREMENTS, 'utf8')}`)
    .digest('hex')
  const place = join(loadConfig().cacheDir, 'schemathesis', name.slice(0, 16))
  const program = join(place, 'bin', 'schemathesis')
  const done = join(place, 'complete')
  if (existsSync(done)) return program
  mkdirSync(dirname(place), { recursive: true })
  const waiting = (): void => report('Waiting for another process that installs Schemathesis…')
  return withFileLock(`${place}.lock`, { waiting }, async () => {
    if (existsSync(done)) return program
    report('Installing Schemathesis for the fuzz tests; this is done once…')
    rmSync(place, { recursive: true, force: true })
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS]
    const made = (await run('python3', ['-m', 'venv', place])) !== null
    if (!made || (await run(join(place, 'bin', 'python'), pip)) === null) throw new Error(HELP)
    if ((await run(program, ['--version'])) === null) throw new Error(HELP)
    writeFileSync(done, '')
    return program
  })
}

/** What a program says, or null if it cannot be started or fails. Its complaints go to standard error. */
function run(command: string, args: string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
    child.once('error', () => resolve(null))
    child.once('close', (code) => resolve(code === 0 ? said.trim() : null))
  })
}

if (import.meta.main) console.log(await obtainSchemathesis((sentence) => console.error(sentence)))

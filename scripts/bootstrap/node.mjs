import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

/** The first release that runs TypeScript sources as they are, without a flag. */
const OLDEST = [22, 18]
const FETCHED = 'node@24'

/**
 * The path of a Node that runs TypeScript sources: this one, the one found last time, one on PATH, or one fetched
 * from the npm registry (five seconds, once). Throws with a sentence that says what to install.
 */
export async function findNode(root, run) {
  if (isNewEnough(process.versions.node)) return process.execPath
  const remembered = readIfThere(memory(root))
  if (remembered !== '' && isNewEnough(versionOf(remembered))) return remembered
  const suffix = process.platform === 'win32' ? '.exe' : ''
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const candidate = join(directory, `node${suffix}`)
    if (existsSync(candidate) && isNewEnough(versionOf(candidate))) return candidate
  }
  process.stderr.write(`This is Node ${process.versions.node}; fetching a newer one from the npm registry for Weft…\n`)
  const [npm, npmArgs] = npmCommand()
  const { code, stdout } = await run(npm, [
    ...npmArgs,
    'exec',
    '--yes',
    `--package=${FETCHED}`,
    '--',
    'node',
    '-p',
    'process.execPath',
  ])
  const fetched = stdout.trim().split('\n').at(-1) ?? ''
  if (code === 0 && isNewEnough(versionOf(fetched))) return fetched
  throw new Error(
    `Weft needs Node ${OLDEST.join('.')} or newer; this is ${process.versions.node} and none could be fetched: install Node 24 from https://nodejs.org.`,
  )
}

/** Keeps the path for the next start. Call it after an installation, which empties node_modules. */
export function rememberNode(root, node) {
  if (node === process.execPath || readIfThere(memory(root)) === node) return
  mkdirSync(dirname(memory(root)), { recursive: true })
  writeFileSync(memory(root), node)
}

/** How to run npm: the one that runs this script, where there is one. */
export function npmCommand() {
  const script = process.env.npm_execpath
  if (script !== undefined && /\.c?js$/.test(script)) return [process.execPath, [script]]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', []]
}

function memory(root) {
  return join(root, 'node_modules', '.cache', 'weft', 'node-path')
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

function versionOf(path) {
  try {
    return execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return ''
  }
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
}

import { createHash } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { npmCommand } from './node.mjs'

const RETRY_MS = 500
/** No installation takes this long; whoever holds the lock since then has died. */
const STALE_MS = 900_000

/**
 * Makes node_modules what package-lock.json says, if it is not. Where two programs start at once, one installs and
 * the other waits. Throws with one sentence.
 */
export async function installDependencies(root, run) {
  if (isInstalled(root)) return
  const lock = join(tmpdir(), `weft-install-${sha256(root).slice(0, 16)}.lock`)
  await takeLock(lock)
  try {
    if (isInstalled(root)) return
    process.stderr.write('Installing dependencies (npm ci); this takes a minute and is done once…\n')
    const [npm, npmArgs] = npmCommand()
    // Standard output belongs to the program.
    const { code } = await run(npm, [...npmArgs, 'ci', '--no-audit', '--no-fund', '--include=dev', '--loglevel=error'], {
      stdio: ['ignore', 2, 2],
    })
    if (code !== 0)
      throw new Error('The dependencies could not be installed; see what npm says above, and run `npm ci` yourself.')
    writeStamp(root)
  } finally {
    rmSync(lock, { force: true })
  }
}

/** By the stamp of the last installation or, where somebody else installed, by what npm noted of it. */
function isInstalled(root) {
  const stamp = readIfThere(stampPath(root))
  if (stamp === wanted(root)) return true
  // Of another platform's packages some are binaries that do not run here.
  if (stamp !== null && !stamp.startsWith(platform())) return false
  const noted = readIfThere(join(root, 'node_modules', '.package-lock.json'))
  if (noted === null) return false
  const present = JSON.parse(noted).packages
  const asked = Object.entries(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages)
  if (!asked.every(([path, { version, optional }]) => path === '' || optional === true || present[path]?.version === version))
    return false
  writeStamp(root)
  return true
}

function writeStamp(root) {
  writeFileSync(stampPath(root), wanted(root))
}

function stampPath(root) {
  return join(root, 'node_modules', '.weft-installed')
}

/** Some packages bring a binary for the platform, so another platform's node_modules does not do. */
function wanted(root) {
  return `${platform()} ${sha256(readFileSync(join(root, 'package-lock.json')))}\n`
}

function platform() {
  return `${process.platform} ${process.arch}`
}

async function takeLock(lock) {
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (!holderLives(lock)) rmSync(lock, { force: true })
    else if (attempt === 0) process.stderr.write('Waiting for another start of Weft that installs the dependencies…\n')
    await sleep(RETRY_MS)
  }
}

function holderLives(lock) {
  try {
    if (Date.now() - statSync(lock).mtimeMs > STALE_MS) return false
    const pid = Number.parseInt(readFileSync(lock, 'utf8'), 10)
    if (!Number.isNaN(pid)) process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function sha256(data) {
  return createHash('sha256').update(data).digest('hex')
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

// Runs one of the project's TypeScript programs on any machine that has Node 20 and npm:
//   node scripts/bootstrap.mjs <program.ts> [arguments…]
// It installs what package-lock.json asks for, finds a Node that runs TypeScript sources, and becomes the program's
// parent. Plain JavaScript for Node 20, without dependencies, because it runs before there are any.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installDependencies } from './bootstrap/install.mjs'
import { findNode, rememberNode } from './bootstrap/node.mjs'

const PARENT_POLL_MS = 250

const root = fileURLToPath(new URL('..', import.meta.url))
const [program, ...args] = process.argv.slice(2)
if (program === undefined) fail('Usage: node scripts/bootstrap.mjs <program.ts> [arguments…]')

/** What runs right now, so that signals can be passed on to it. */
let child
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  // A Ctrl-C reaches the child by itself as well, being of the same process group; it takes repeated signals as one.
  process.on(signal, () => (child === undefined ? process.exit(128 + constants.signals[signal]) : child.kill(signal)))
}
// Where npm is killed it cannot tell its child. Started by hand the parent may leave, as it does under nohup.
const parent = process.ppid
if (process.env.npm_lifecycle_event !== undefined) {
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    process.emit('SIGTERM')
  }, PARENT_POLL_MS)
  watch.unref()
}

try {
  const node = await findNode(root, run)
  process.env.PATH = dirname(node) + delimiter + (process.env.PATH ?? '')
  await installDependencies(root, run)
  rememberNode(root, node)
  const { code, signal } = await run(node, ['--disable-warning=ExperimentalWarning', program, ...args], {
    // What V8 makes of the sources is kept: reading it again takes a third of a second less at each start.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'weft', 'compiled'), ...process.env },
    // The program shuts down when this channel closes, which it does even if this process is killed.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  process.exit(signal === null ? code : 128 + constants.signals[signal])
} catch (error) {
  fail(error.message)
}

/** Runs a command to its end: `{ code, signal, stdout }`. Its messages go to standard error unless `options.stdio` says otherwise. */
function run(command, commandArgs, options = {}) {
  return new Promise((resolve, reject) => {
    child = spawn(command, commandArgs, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], ...options })
    let stdout = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk) => (stdout += chunk))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      child = undefined
      resolve({ code, signal, stdout })
    })
  })
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`)
  process.exit(1)
}

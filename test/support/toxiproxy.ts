import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { childEnvironment, loadConfig } from '../../src/config.ts'
import { EXECUTABLE_SUFFIX } from '../../src/temporal/cli/cache.ts'
import { withFileLock } from '../../src/temporal/cli/file-lock.ts'
import { findOnPath } from '../../src/temporal/cli/search-path.ts'
import { freePort } from '../../src/temporal/embedded/ports.ts'

const VERSION = 'v2.12.0'
const MODULE = `github.com/Shopify/toxiproxy/v2/cmd/server@${VERSION}`
const START_MS = 20_000

/** A toxic as Toxiproxy's own interface takes it; both directions have it. */
export type Toxic = { type: string; attributes: Record<string, number> }

/** One way to a server, which can be poisoned. */
export type Proxy = {
  /** `127.0.0.1:<port>` */
  address: string
  add(toxic: Toxic): Promise<void>
  /** Takes all toxics away. Toxiproxy closes what a `timeout` toxic has kept silent. */
  clear(): Promise<void>
  /** Off: what is connected is cut, and nobody gets a connection. */
  enable(on: boolean): Promise<void>
}

const cached = (): string => join(loadConfig().cacheDir, 'toxiproxy', VERSION, `server${EXECUTABLE_SUFFIX}`)

/** Whether it is here, or could be built here. */
export function hasToxiproxy(): boolean {
  return existsSync(cached()) || findOnPath('go', loadConfig().searchPath).length > 0
}

/** The server's path: the one in the cache, else built there with Go (a minute, once). Throws with what is missing. */
export async function obtainToxiproxy(report: (sentence: string) => void = () => {}): Promise<string> {
  const target = cached()
  if (existsSync(target)) return target
  const [go] = findOnPath('go', loadConfig().searchPath)
  if (go === undefined) throw new Error(`The tests of the network need Toxiproxy, and Go to build it: ${MODULE}.`)
  mkdirSync(dirname(target), { recursive: true })
  const waiting = (): void => report('Waiting for another process that builds Toxiproxy…')
  return withFileLock(`${target}.lock`, { waiting }, async () => {
    if (existsSync(target)) return target
    report(`Building Toxiproxy ${VERSION} with Go; this takes about a minute and is done once…`)
    const directory = mkdtempSync(join(dirname(target), '.build-'))
    try {
      await build(go, directory)
      renameSync(join(directory, `server${EXECUTABLE_SUFFIX}`), target)
      return target
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
}

function build(go: string, directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(go, ['install', MODULE], {
      env: childEnvironment({ GOBIN: directory }),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(-1_000)))
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`Go could not build Toxiproxy: ${said}`))))
  })
}

/** Starts a server of the test's own. */
export async function startToxiproxy(): Promise<{
  proxy(name: string, upstream: string): Promise<Proxy>
  stop(): Promise<void>
}> {
  const program = await obtainToxiproxy((sentence) => console.error(sentence))
  const port = await freePort()
  const child = spawn(program, ['-host', '127.0.0.1', '-port', String(port)], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  // A test run that dies must leave no server behind.
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const ask = async (method: string, path: string, body?: object): Promise<any> => {
    const response = await fetch(`http://127.0.0.1:${String(port)}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`Toxiproxy says to ${method} ${path}: ${text}`)
    return text === '' ? null : JSON.parse(text)
  }
  for (const deadline = Date.now() + START_MS; ; await sleep(50)) {
    const answers = await fetch(`http://127.0.0.1:${String(port)}/proxies`).then(
      () => true,
      () => false,
    )
    if (answers) break
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('Toxiproxy did not start.')
  }
  return {
    async proxy(name, upstream) {
      const { listen } = await ask('POST', '/proxies', { name, listen: '127.0.0.1:0', upstream, enabled: true })
      const names: string[] = []
      return {
        address: listen,
        async add(toxic) {
          for (const stream of ['upstream', 'downstream']) {
            names.push(`${toxic.type}-${stream}`)
            await ask('POST', `/proxies/${name}/toxics`, { ...toxic, name: `${toxic.type}-${stream}`, stream })
          }
        },
        async clear() {
          for (const toxic of names.splice(0)) await ask('DELETE', `/proxies/${name}/toxics/${toxic}`)
        },
        enable: (on) => ask('POST', `/proxies/${name}`, { enabled: on }),
      }
    },
    async stop() {
      process.off('exit', kill)
      kill()
      await ended
    },
  }
}

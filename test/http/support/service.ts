import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { checkConfig } from '../../../src/agent/check-config.ts'
import { defaultConfig } from '../../../src/agent/default-config.ts'
import { NO_PROVIDERS } from '../../../src/agent/providers.ts'
import { createRegistry } from '../../../src/agent/registry.ts'
import { createHttpApp } from '../../../src/http/app.ts'
import type { HttpOptions } from '../../../src/http/options.ts'
import type { LiveBus } from '../../../src/live/bus.ts'
import { createInProcessBus } from '../../../src/live/in-process.ts'
import { argumentsCheck } from '../../../src/program/agents.ts'
import { createStore } from '../../../src/store/index.ts'
import type { Store } from '../../../src/store/store.ts'
import type { ThreadGateway } from '../../../src/temporal/gateway.ts'
import { checkStore } from '../../support/check-everywhere.ts'
import { createInlineEngine } from './inline-engine.ts'
import { cache_dir } from '../../support/cache.ts'

const SETTINGS = {
  idle_close_ms: 60_000,
  continue_as_new_every: 0,
  search_attributes: false,
  heartbeat_timeout_ms: 2_000,
  cli: 'temporal',
}
const silent = { debug: () => undefined, warn: () => undefined, error: () => undefined }

export type Service = {
  url: string
  store: Store
  gateway: ThreadGateway
  bus: LiveBus
  /** What was logged as an error: nothing, unless the test provokes it. */
  errors: object[]
  close(): Promise<void>
}

/** What a black-box test needs: an address, and what went wrong inside where that can be seen. */
export type BlackBox = Pick<Service, 'url' | 'errors' | 'close'>

/** Names that no earlier run of the tests has used: a running service remembers. */
export const mark = Date.now().toString(36)

/** A service of its own for a test file, or the one that WEFT_TEST_URL names (its agents: those of the default). */
export function openService(): Promise<BlackBox> {
  const url = process.env['WEFT_TEST_URL']
  return url === undefined ? startService() : Promise.resolve({ url, errors: [], close: () => Promise.resolve() })
}

/**
 * The façade over a real store and the real core, on a free port. `change`: parts to replace, made from the real ones.
 * When it is closed every log must be in order, but where a test has made them up.
 */
export async function startService(
  change: (parts: HttpOptions) => Partial<HttpOptions> = () => ({}),
  { made_up_logs = false } = {},
): Promise<Service> {
  const store = await createStore({ cache_dir, timeout_ms: 5_000 })
  await store.migrate()
  const bus = createInProcessBus()
  const agents = await createRegistry(checkConfig(defaultConfig, 'test'), NO_PROVIDERS)
  const engine = createInlineEngine({ store, bus, agents, settings: SETTINGS, worker_id: 'test', logger: silent })
  const errors: object[] = []
  const log = { warn: () => undefined, error: (facts: object) => void errors.push(facts) }
  const checkArguments = argumentsCheck(agents)
  const parts: HttpOptions = { store, gateway: engine, bus, agents: agents.list(), checkArguments, version: '0.1.0', log }
  const http = createHttpApp({ ...parts, ...change(parts) })
  const server = createServer(http.app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    store,
    gateway: engine,
    bus,
    errors,
    async close() {
      http.close()
      await closed(server)
      engine.close()
      await bus.close()
      try {
        if (!made_up_logs) await checkStore(store)
      } finally {
        await store.close()
      }
    },
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve()
    })
    server.closeAllConnections()
  })
}

import { newApiKey } from '../../../src/auth/api-key.ts'
import type { AuthSettings } from '../../../src/auth/authenticator.ts'
import type { Role } from '../../../src/auth/roles.ts'
import type { HttpOptions } from '../../../src/http/options.ts'
import type { Reconciler } from '../../../src/temporal/gateway.ts'
import type { NewApiKey } from '../../../src/store/api-keys.ts'
import { makeKey } from '../../auth/support.ts'
import { createClient, type Client } from './client.ts'
import { startService, type Service } from './service.ts'

export type Guarded = Service & {
  /** A new key's bearer and its text. */
  key(role: Role, more?: Partial<NewApiKey>): Promise<{ key_id: string; text: string; headers: { authorization: string } }>
  /** A client that sends this with everything. */
  as(headers: Record<string, string>): Client
}

/** A service that asks everybody who they are. */
export async function startGuarded(auth: AuthSettings = {}, more: Partial<HttpOptions> = {}): Promise<Guarded> {
  const service = await startService(() => ({
    auth: { required: true, key_ttl_ms: 0, ...auth },
    reconciler: repairsAtOnce(),
    ...more,
  }))
  const plain = createClient(service.url)
  return {
    ...service,
    async key(role, given) {
      const made = await makeKey(service.store, role, given)
      return { ...made, headers: bearer(made.text) }
    },
    as: (headers) => ({
      ...plain,
      call: (method, path, body, own) => plain.call(method, path, body, { ...headers, ...own }),
      raw: (method, path, init) => plain.raw(method, path, { ...init, headers: { ...headers, ...init.headers } }),
      stream: (method, path, body, own) => plain.stream(method, path, body, { ...headers, ...own }),
    }),
  }
}

/** Repairs that find nothing, each tenant's its own: without a Temporal server there is nobody to make others. */
function repairsAtOnce(): Reconciler {
  const made = new Map<string, string>()
  return {
    start: (tenant) => {
      const id = `repair-of-${tenant}`
      made.set(id, tenant)
      return Promise.resolve({ id, already_running: false })
    },
    status: (tenant, id) =>
      Promise.resolve(
        made.get(id) === tenant
          ? { status: 'done', tenant, thread_id: null, threads_seen: 0, mended: {}, dropped: {}, lost: [] }
          : null,
      ),
  }
}

export function bearer(text: string): { authorization: string } {
  return { authorization: `Bearer ${text}` }
}

/** A key that no service has made. */
export function madeUpKey(): string {
  return newApiKey().text
}

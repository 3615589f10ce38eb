import type { Role } from './roles.ts'

/** Who makes a request, as far as the service can tell. */
export type Principal = {
  /**
   * `none`: nobody has to say who they are. `admin`: the key of the environment. `key`: an API key. `jwt`: a token of
   * an identity provider. `stream`: a token that reads one thread.
   */
  kind: 'none' | 'admin' | 'key' | 'jwt' | 'stream'
  /** Stands in the log as who did it: `key:<id>`, `user:<subject>`, `admin`. */
  id: string
  /** For people to read; null where nothing is known. */
  name: string | null
  tenant: string
  role: Role
  /** In ms; null: when it is revoked. */
  expires_at: number | null
  /** The only thread that it may see; null: all of its tenant. */
  thread_id: string | null
}

export const ANYBODY = 'anybody'

/** Everybody, where no authentication is asked for. */
export function anybody(tenant: string): Principal {
  return { kind: 'none', id: ANYBODY, name: null, tenant, role: 'operator', expires_at: null, thread_id: null }
}

/** Whether the principal's word about who they are counts more than what a request says of it. */
export function isKnown(principal: Principal): boolean {
  return principal.kind !== 'none'
}

/** Whether it may look after keys of tenants other than its own: whoever runs the installation. */
export function isInstaller(principal: Principal): boolean {
  return principal.kind === 'none' || principal.kind === 'admin'
}

/**
 * The caller does not say who they are (`missing`), or it is not true (`invalid`). `too_many`: made-up keys keep coming
 * from that address. `unavailable`: the identity provider's keys cannot be had just now.
 */
export class NotAuthenticated extends Error {
  override readonly name = 'NotAuthenticated'
  readonly reason: 'missing' | 'invalid' | 'too_many' | 'unavailable'
  constructor(reason: NotAuthenticated['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

export function tooManyMadeUp(): NotAuthenticated {
  return new NotAuthenticated('too_many', 'Too many keys from this address are none of this service; try again in a minute.')
}

/** It is known who calls, but not with which rights: a token without a role or tenant that the service knows. */
export class NotEntitled extends Error {
  override readonly name = 'NotEntitled'
}

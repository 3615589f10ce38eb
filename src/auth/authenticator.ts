import { setTimeout as sleep } from 'node:timers/promises'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { ApiKeyRow, ApiKeyRows } from '../store/api-keys.ts'
import { hashOf, keyIdOf, matches } from './api-key.ts'
import { createJwtVerifier, type JwtSettings } from './jwt.ts'
import { createKeyCache } from './key-cache.ts'
import { createLookUpLane } from './look-up-lane.ts'
import { ANYBODY, anybody, NotAuthenticated, tooManyMadeUp, type Principal } from './principal.ts'
import { createStreamTokens, type StreamTokens } from './stream-tokens.ts'

export type AuthSettings = {
  /** Everybody must say who they are, even before there is a key. A key, once made, has the same effect. */
  required?: boolean
  /** A key that stands in the environment: an operator of the tenant `default` who may make keys for any tenant. */
  admin_key?: string | null
  jwt?: JwtSettings | null
  /** How long a key's row is believed (ms): a revocation elsewhere takes effect within this time. */
  key_ttl_ms?: number
}

/** What a request brings: a key or token by header, or a thread's token by address. */
export type Credentials = { header: string | null; access_token: string | null; address: string }

export type Authenticator = {
  /** Throws `NotAuthenticated`, `NotEntitled` and `StoreUnavailable`. */
  authenticate(credentials: Credentials): Promise<Principal>
  /** Whether everybody must say who they are. Throws `StoreUnavailable` while it was never known. */
  required(): Promise<boolean>
  /** Whether what it was recognised by still holds: for streams, which outlive their request. */
  stillHolds(principal: Principal): Promise<boolean>
  /** A key was made or revoked in this process; its effect is immediate. */
  keyChanged(key_id: string): void
  readonly streamTokens: StreamTokens
}

const DEFAULT_KEY_TTL_MS = 5_000
/** A look for the first key is waited for so long; then what was known counts until it ends. */
const LOOK_WAIT_MS = 100
/**
 * Made-up keys from one address in a minute; with more, what this process has not seen as a key waits for its turn. It
 * is looked up all the same: behind one address there may be many callers, and what one makes up is no word of another.
 */
const MADE_UP_PER_MINUTE = 300
/** Look-ups at once for all such addresses, and how long one of them waits for its turn. */
const SUSPECT_WIDTH = 2
const SUSPECT_PATIENCE_MS = 5_000

export function createAuthenticator(keys: ApiKeyRows, tenant: string, settings: AuthSettings = {}): Authenticator {
  const { admin_key = null, jwt = null, key_ttl_ms = DEFAULT_KEY_TTL_MS } = settings
  const cache = createKeyCache(keys, key_ttl_ms)
  const admin_hash = admin_key === null ? null : hashOf(admin_key)
  const verifyJwt = jwt === null ? null : createJwtVerifier(jwt)
  const streamTokens = createStreamTokens(keys, admin_hash)
  const made_up = new RateLimiterMemory({ points: MADE_UP_PER_MINUTE, duration: 60 })
  const suspect = createLookUpLane(SUSPECT_WIDTH, SUSPECT_PATIENCE_MS)
  const admin: Principal = { ...anybody(tenant), kind: 'admin', id: 'admin', name: 'admin' }

  let needed: boolean | null = settings.required === true || admin_hash !== null || jwt !== null ? true : null
  let looked_at = 0
  let looking: Promise<void> | null = null

  /** Whether there are keys by now. An answer that cannot be had leaves what was known. */
  async function look(): Promise<void> {
    looked_at = Date.now()
    try {
      needed = (await keys.any()) || needed === true
    } catch (error) {
      if (needed === null) throw error
    }
  }

  async function required(): Promise<boolean> {
    // Rows of keys are never deleted, so once there is one there is nothing more to find out.
    if (needed !== true && (needed === null || looking !== null || Date.now() - looked_at >= key_ttl_ms)) {
      looking ??= look().finally(() => (looking = null))
      // A store that hangs must not hold up everybody who may come in as things stand.
      await (needed === null ? looking : Promise.race([looking, sleep(LOOK_WAIT_MS, undefined, { ref: false })]))
    }
    return needed ?? true
  }

  async function byKey(text: string, key_id: string, address: string): Promise<Principal> {
    const made_up_before = (await made_up.get(address))?.consumedPoints ?? 0
    const many = made_up_before >= MADE_UP_PER_MINUTE
    const row = await cache.get(key_id, many ? (look) => suspect.run(address, look) : undefined)
    if (!matches(text, row?.hash ?? null) || row === null) {
      await made_up.penalty(address)
      throw many ? tooManyMadeUp() : new NotAuthenticated('invalid', 'The API key is not one of this service.')
    }
    const gone = unusable(row)
    if (gone !== null) throw new NotAuthenticated('invalid', gone)
    cache.used(key_id)
    const { tenant: of, role, name, expires_at } = row
    return { kind: 'key', id: `key:${key_id}`, name, tenant: of, role, expires_at, thread_id: null }
  }

  async function stillHolds({ id, expires_at }: Principal): Promise<boolean> {
    if (expires_at !== null && expires_at <= Date.now()) return false
    if (id === ANYBODY) return !(await required())
    if (!id.startsWith('key:')) return true
    const key = await cache.get(id.slice('key:'.length))
    return key !== null && unusable(key) === null
  }

  return {
    required,
    stillHolds,
    streamTokens,
    async authenticate({ header, access_token, address }) {
      if (!(await required())) return anybody(tenant)
      if (header === null) {
        if (access_token === null) throw new NotAuthenticated('missing', 'Send an API key: Authorization: Bearer <key>.')
        const principal = await streamTokens.read(access_token)
        // What was lent ends with what it was lent by.
        if (await stillHolds(principal)) return principal
        throw new NotAuthenticated('invalid', 'The key that this access token was made with is no longer valid.')
      }
      if (matches(header, admin_hash)) return admin
      const key_id = keyIdOf(header)
      if (key_id !== null) return await byKey(header, key_id, address)
      if (verifyJwt !== null) return await verifyJwt(header)
      throw new NotAuthenticated('invalid', 'This is no API key of this service.')
    },
    keyChanged(key_id) {
      needed = true
      cache.forget(key_id)
    },
  }
}

/** Why a key opens nothing any more; null if it does. */
function unusable({ revoked_at, expires_at }: ApiKeyRow): string | null {
  if (revoked_at !== null) return 'The API key was revoked; ask for another.'
  if (expires_at !== null && expires_at <= Date.now()) return 'The API key has expired; ask for another.'
  return null
}

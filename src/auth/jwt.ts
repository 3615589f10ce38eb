import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose'
import { NotAuthenticated, NotEntitled, type Principal } from './principal.ts'
import { isRole, isTenant, ROLES, type Role } from './roles.ts'

/** Which tokens of an identity provider are taken. */
export type JwtSettings = {
  /** Where its public keys are; fetched when first needed, and again for a key that is not known. */
  jwks_url: string
  issuer: string
  audience: string
  /** Signatures that are taken; only such as are made with a private key: whoever can check a shared secret can sign. */
  algorithms: readonly string[]
  /** The claim that holds the tenant, unless `tenant` says it for all; dots lead into objects. */
  tenant_claim: string
  tenant: string | null
  /** The claim that holds the role, or a list with one or more of them. */
  role_claim: string
}

/** Clocks differ by so much, in seconds. */
const TOLERANCE_S = 5
const JWKS_TIMEOUT_MS = 3_000
/** No more than one fetch in this time, whatever key ids tokens make up. */
const JWKS_COOLDOWN_MS = 10_000
const JWKS_MAX_AGE_MS = 600_000

/** Checks a token and says who its bearer is. Throws `NotAuthenticated` and `NotEntitled`. */
export type JwtVerifier = (token: string) => Promise<Principal>

export function createJwtVerifier(settings: JwtSettings): JwtVerifier {
  const keys = createRemoteJWKSet(new URL(settings.jwks_url), {
    timeoutDuration: JWKS_TIMEOUT_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
    cacheMaxAge: JWKS_MAX_AGE_MS,
  })
  return async (token) => {
    const payload = await verified(token, keys, settings)
    const { sub, exp = 0 } = payload
    if (typeof sub !== 'string' || sub === '') throw new NotAuthenticated('invalid', 'The token names nobody in its claim "sub".')
    const tenant = settings.tenant ?? claim(payload, settings.tenant_claim)
    if (!isTenant(tenant)) throw new NotEntitled(`The token names no tenant in its claim "${settings.tenant_claim}".`)
    const role = highest(claim(payload, settings.role_claim))
    if (role === null)
      throw new NotEntitled(`The token names no role in its claim "${settings.role_claim}"; the roles are ${ROLES.join(', ')}.`)
    const name = typeof payload['name'] === 'string' && payload['name'] !== '' ? payload['name'].slice(0, 256) : null
    return { kind: 'jwt', id: `user:${sub.slice(0, 200)}`, name, tenant, role, expires_at: exp * 1000, thread_id: null }
  }
}

async function verified(token: string, keys: ReturnType<typeof createRemoteJWKSet>, settings: JwtSettings): Promise<JWTPayload> {
  try {
    const { issuer, audience, algorithms } = settings
    const options = { issuer, audience, algorithms: [...algorithms], clockTolerance: TOLERANCE_S, requiredClaims: ['exp', 'sub'] }
    return (await jwtVerify(token, keys, options)).payload
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw new NotAuthenticated('invalid', 'The token has expired; get another.')
    if (isAway(error)) throw new NotAuthenticated('unavailable', 'The keys of the identity provider cannot be had just now.')
    throw new NotAuthenticated('invalid', 'The token is not valid here.')
  }
}

/** What says nothing about the token: the keys could not be fetched, or what came is no set of keys. */
function isAway(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return true
  if (error instanceof errors.JOSEError) return error.code === 'ERR_JOSE_GENERIC'
  return true
}

/** A claim by its whole name (which may be an address), else by its path. */
function claim(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name]
  let at: unknown = payload
  for (const key of name.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<string, unknown>)[key]
  }
  return at
}

function highest(value: unknown): Role | null {
  const roles = (Array.isArray(value) ? value : [value]).filter(isRole)
  return roles.sort((a, b) => ROLES.indexOf(b) - ROLES.indexOf(a))[0] ?? null
}

import { createHmac, randomBytes } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import type { ApiKeyRows } from '../store/api-keys.ts'
import { StoreUnavailable } from '../store/store.ts'
import { NotAuthenticated, type Principal } from './principal.ts'
import { isTenant } from './roles.ts'

/** Tokens that read one thread for a while: for places that can send no header, as EventSource. */
export type StreamTokens = {
  /** At most until the issuer's own credential ends. `expires_at` in ms. */
  issue(principal: Principal, thread_id: string, ttl_ms: number): Promise<{ token: string; expires_at: number }>
  /** Throws `NotAuthenticated`. */
  read(token: string): Promise<Principal>
}

const ISSUER = 'weft'
const AUDIENCE = 'weft:thread'
const ALGORITHM = 'HS256'
const SECRET = 'stream-tokens'

/**
 * Signed with a secret of the store's, so that every process on it takes the tokens of every other. `admin_hash`: of the
 * key of the environment; what was made with one ends when the processes have another.
 */
export function createStreamTokens(keys: ApiKeyRows, admin_hash: string | null = null): StreamTokens {
  let secret: Promise<Uint8Array> | null = null
  const signing = (): Promise<Uint8Array> => {
    secret ??= keys.secret(SECRET, () => randomBytes(32).toString('base64url')).then((text) => Buffer.from(text, 'base64url'))
    // Asked again after a failure.
    secret.catch(() => (secret = null))
    return secret
  }

  /** Says which key of the environment there is, to nobody who has not the secret as well. */
  const adminMark = async (): Promise<string | null> =>
    admin_hash === null
      ? null
      : createHmac('sha256', await signing())
          .update(admin_hash)
          .digest('base64url')

  return {
    async issue({ kind, id, tenant, expires_at: until }, thread_id, ttl_ms) {
      // Whole seconds, rounded down: what the answer says must not be later than what the token says.
      const expires_s = Math.floor(Math.min(Date.now() + ttl_ms, until ?? Number.MAX_SAFE_INTEGER) / 1000)
      const made_with = kind === 'admin' ? { admin: await adminMark() } : {}
      const token = await new SignJWT({ tenant, thread_id, ...made_with })
        .setProtectedHeader({ alg: ALGORITHM })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject(id)
        .setIssuedAt()
        .setExpirationTime(expires_s)
        .sign(await signing())
      return { token, expires_at: expires_s * 1000 }
    },
    async read(token) {
      try {
        const options = { issuer: ISSUER, audience: AUDIENCE, algorithms: [ALGORITHM], requiredClaims: ['exp', 'sub'] }
        const { payload } = await jwtVerify(token, await signing(), options)
        const { sub = '', exp = 0, tenant, thread_id, admin = null } = payload
        if (!isTenant(tenant) || typeof thread_id !== 'string') throw new Error('a token of another version')
        if (sub === 'admin' && (admin === null || admin !== (await adminMark()))) throw new Error('made with another key')
        return { kind: 'stream', id: sub, name: null, tenant, role: 'reader', expires_at: exp * 1000, thread_id }
      } catch (error) {
        if (error instanceof StoreUnavailable) throw error
        throw new NotAuthenticated('invalid', 'The access token is not valid or has expired; get another.')
      }
    },
  }
}

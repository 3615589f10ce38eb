import { newApiKey } from '../../src/auth/api-key.ts'
import type { Credentials } from '../../src/auth/authenticator.ts'
import type { Role } from '../../src/auth/roles.ts'
import type { NewApiKey } from '../../src/store/api-keys.ts'
import type { Store } from '../../src/store/store.ts'

export type MadeKey = { key_id: string; text: string }

/** A key that is in the store. */
export async function makeKey(store: Store, role: Role, more: Partial<NewApiKey> = {}): Promise<MadeKey> {
  const { key_id, text, hash } = newApiKey()
  const row = { key_id, hash, role, tenant: 'default', name: `a ${role}`, created_at: Date.now(), created_by: 'test' }
  await store.keys.create({ expires_at: null, ...row, ...more })
  return { key_id, text }
}

export function bring(header: string | null, access_token: string | null = null, address = '127.0.0.1'): Credentials {
  return { header, access_token, address }
}

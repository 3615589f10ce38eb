import type { Page, PageRequest } from './store.ts'

/** A key without anything that could be used in its place. Times are ms; null is never. */
export type ApiKeyRow = {
  key_id: string
  tenant: string
  role: 'reader' | 'user' | 'approver' | 'operator'
  name: string
  created_at: number
  /** Who made it: a principal's id. */
  created_by: string
  expires_at: number | null
  revoked_at: number | null
  revoked_by: string | null
  /** To within some minutes. */
  last_used_at: number | null
}
/** `hash`: SHA-256 of the whole key, in hex. */
export type NewApiKey = Pick<ApiKeyRow, 'key_id' | 'tenant' | 'role' | 'name' | 'created_at' | 'created_by' | 'expires_at'> & {
  hash: string
}

/** Keys of the API. A tenant of null stands for all tenants. Throws what every part of the store throws. */
export interface ApiKeyRows {
  create(key: NewApiKey): Promise<void>
  /** Whether it may still be used is for the caller to judge. */
  find(key_id: string): Promise<(ApiKeyRow & { hash: string }) | null>
  /** Whether there has ever been one, used up or not. */
  any(): Promise<boolean>
  /** Newest first, revoked and expired ones too. */
  list(tenant: string | null, page: PageRequest): Promise<Page<ApiKeyRow>>
  /** The key as it is then: a second revocation changes nothing. Null if the tenant has none of this id. */
  revoke(tenant: string | null, key_id: string, how: { at: number; by: string }): Promise<ApiKeyRow | null>
  /** Notes a use; an earlier one than is known changes nothing. */
  touch(key_id: string, at: number): Promise<void>
  /** A secret that every process on this store gets alike: the first to ask makes it. */
  secret(name: string, fresh: () => string): Promise<string>
}

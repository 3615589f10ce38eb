import type { Role } from '../auth/roles.ts'

/** A key as GET /v1/keys shows it. */
export type KeyView = {
  id: string
  name: string
  tenant: string
  role: Role
  created_at: string
  created_by: string
  expires_at: string | null
  revoked_at: string | null
  revoked_by: string | null
  last_used_at: string | null
}

/** Where keys are made, whichever way leads there. Throws `CallFailed`. */
export type KeyDesk = {
  create(wanted: { role: Role; name: string; tenant?: string; expires_at?: string }): Promise<KeyView & { key: string }>
  list(): Promise<KeyView[]>
  revoke(id: string): Promise<KeyView>
}

import { z } from 'zod'
import { isTenant, ROLES } from '../../auth/roles.ts'
import { timestamp } from './common.ts'

const role = z.enum(ROLES).meta({ description: 'Each may do what those before it may' })
const tenant = z
  .string()
  .refine(isTenant, 'must be 1 to 64 letters, digits, "-", "_" or "."')
  .meta({ description: 'Whose threads it opens. Only who runs the installation may name another than their own' })
const keyId = z.string().regex(/^[a-z2-7]{16}$/, 'is not the id of a key')

export const keyParams = z.object({ id: keyId })
export const keyTenant = z.object({ tenant: tenant.optional() })
export const postKey = z.object({
  name: z.string().trim().min(1).max(200).meta({ description: 'What it is for; stands in the log as who acted' }),
  role,
  tenant: tenant.optional(),
  expires_at: timestamp.nullable().optional().meta({ description: 'Absent or null: when it is revoked' }),
})
export const keyView = z
  .object({
    id: z.string(),
    name: z.string(),
    tenant: z.string(),
    role,
    created_at: timestamp,
    created_by: z.string(),
    expires_at: timestamp.nullable(),
    revoked_at: timestamp.nullable(),
    revoked_by: z.string().nullable(),
    last_used_at: timestamp.nullable().meta({ description: 'To within some minutes' }),
  })
  .meta({ id: 'Key' })
export const newKeyView = z
  .object({ ...keyView.shape, key: z.string().meta({ description: 'The key itself; it is shown this once' }) })
  .meta({ id: 'NewKey' })

/** How long a stream token may last, in seconds. */
const MAX_TTL_S = 3_600
export const DEFAULT_TTL_S = 300
export const postStreamToken = z.object({
  ttl_s: z
    .int()
    .min(1)
    .max(MAX_TTL_S)
    .optional()
    .meta({ description: `Seconds until it ends; ${String(DEFAULT_TTL_S)} if absent` }),
})
export const streamToken = z.object({ access_token: z.string(), thread_id: z.string(), expires_at: timestamp })

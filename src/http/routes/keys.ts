import { newApiKey } from '../../auth/api-key.ts'
import { isInstaller, isKnown, NotAuthenticated } from '../../auth/principal.ts'
import type { ApiKeyRow } from '../../store/api-keys.ts'
import type { JsonObject } from '../../thread/json.ts'
import type { HttpContext } from '../options.ts'
import { pageRequest, presentPage } from '../paging.ts'
import { time } from '../present.ts'
import { HttpProblem } from '../problems.ts'
import { json } from '../response.ts'
import { route, type Route } from '../route.ts'
import { listOf, page } from '../schemas/common.ts'
import { keyParams, keyTenant, keyView, newKeyView, postKey } from '../schemas/keys.ts'

/** Keys of the API: see docs/authentication.md. */
export function keyRoutes(): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/keys',
      tag: 'Keys',
      summary: 'Make a key; it is shown this once',
      body: postKey,
      responses: { '201': { description: 'The new key', schema: newKeyView } },
      problems: [],
      async handle(context, { body: { name, role, tenant: asked, expires_at: until } }) {
        const tenant = asked ?? context.tenant
        checkTenant(context, tenant)
        const now = Date.now()
        const expires_at = until === undefined || until === null ? null : Date.parse(until)
        if (expires_at !== null && expires_at <= now)
          throw new HttpProblem('invalid_request', 'expires_at must be in the future.')
        if (!isKnown(context.principal)) await checkFirst(context, { role, tenant, expires_at })
        const { key_id, text, hash } = newApiKey()
        const row = { key_id, tenant, role, name, created_at: now, created_by: context.principal.id, expires_at }
        await context.store.keys.create({ ...row, hash })
        context.auth.keyChanged(key_id)
        const shown = presentKey({ ...row, revoked_at: null, revoked_by: null, last_used_at: null })
        return json({ ...shown, key: text }, 201)
      },
    }),
    route({
      method: 'get',
      path: '/v1/keys',
      tag: 'Keys',
      summary: 'List keys, newest first',
      query: keyTenant.extend(page),
      responses: { '200': { description: 'Keys, those that are over too', schema: listOf(keyView) } },
      problems: ['invalid_cursor'],
      async handle(context, { query }) {
        const tenant = query.tenant ?? (isInstaller(context.principal) ? null : context.tenant)
        if (tenant !== null) checkTenant(context, tenant)
        const scope = `keys:${tenant ?? ''}`
        const rows = await context.store.keys.list(tenant, pageRequest(scope, query))
        return json(presentPage(scope, query, rows, presentKey))
      },
    }),
    route({
      method: 'delete',
      path: '/v1/keys/:id',
      tag: 'Keys',
      summary: 'Revoke a key',
      params: keyParams,
      missing: 'key_not_found',
      responses: { '200': { description: 'The key as it is now; one that was revoked before stays as it was', schema: keyView } },
      problems: ['key_not_found'],
      async handle(context, { params: { id } }) {
        const tenant = isInstaller(context.principal) ? null : context.tenant
        const row = await context.store.keys.revoke(tenant, id, { at: Date.now(), by: context.principal.id })
        if (row === null) throw new HttpProblem('key_not_found', 'There is no key with this id.')
        context.auth.keyChanged(id)
        return json(presentKey(row))
      },
    }),
  ]
}

function checkTenant(context: HttpContext, tenant: string): void {
  if (tenant === context.tenant || isInstaller(context.principal)) return
  throw new HttpProblem('forbidden', 'Keys of other tenants are for who runs the installation.')
}

/** Anybody may make the first key, as they may do everything; it must leave somebody who can make more. */
async function checkFirst(
  context: HttpContext,
  { role, tenant, expires_at }: Pick<ApiKeyRow, 'role' | 'tenant' | 'expires_at'>,
): Promise<void> {
  // Another process may have made one just now.
  if (await context.store.keys.any()) throw new NotAuthenticated('missing', 'There is a key by now: send one.')
  if (role === 'operator' && tenant === context.tenant && expires_at === null) return
  const detail = `From the first key on everybody needs one: make one first that is an operator's of the tenant "${context.tenant}" and does not expire.`
  throw new HttpProblem('invalid_request', detail)
}

function presentKey(row: ApiKeyRow): JsonObject {
  const { key_id, name, tenant, role, created_at, created_by, expires_at, revoked_at, revoked_by, last_used_at } = row
  const when = (ms: number | null): string | null => (ms === null ? null : time(ms))
  return {
    id: key_id,
    name,
    tenant,
    role,
    created_at: time(created_at),
    created_by,
    expires_at: when(expires_at),
    revoked_at: when(revoked_at),
    revoked_by,
    last_used_at: when(last_used_at),
  }
}

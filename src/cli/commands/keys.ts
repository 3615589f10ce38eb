import type { Command } from 'commander'
import { isRole, isTenant, ROLES, type Role } from '../../auth/roles.ts'
import { call, CallFailed, NoAnswer } from '../api.ts'
import type { CliIo } from '../io.ts'
import type { KeyDesk, KeyView } from '../key-desk.ts'
import { withStoredKeys } from '../stored-keys.ts'

type Common = { store?: boolean; json?: boolean }
type Wanted = { role: string; name: string; tenant?: string; expires?: string }

const DAY_MS = 86_400_000

/** `weft keys`: makes, lists and revokes keys of the API, through the service or, where none runs, in its store. */
export function addKeys(program: Command, io: CliIo): void {
  const atDesk = <T>(store: boolean | undefined, work: (desk: KeyDesk) => Promise<T>): Promise<T> =>
    store === true ? withStoredKeys(work) : throughService(program, io, work)
  const keys = program
    .command('keys')
    .description('make, list and revoke keys of the API: through the service, or in its store where no service runs')
  const common = (command: Command): Command =>
    command
      .option('--store', 'straight in the store that the environment names, past the service')
      .option('--json', 'print one line of JSON')

  common(keys.command('create').description('make a key and print it; it is shown this once'))
    .requiredOption('--role <role>', ROLES.join(', '))
    .requiredOption('--name <name>', 'what it is for; stands in the log as who acted')
    .option('--tenant <tenant>', 'whose threads it opens (your own, or "default")')
    .option('--expires <days>', 'days until it ends (for ever)')
    .action(async ({ store, json, ...wanted }: Common & Wanted) => {
      const body = checked(wanted)
      const made = await atDesk(store, (desk) => desk.create(body))
      const { key, id, name, role, tenant } = made
      io.err.write(`Key ${id} ("${name}", ${role} of ${tenant}). It is shown this once:\n`)
      io.out.write(json === true ? `${JSON.stringify(made)}\n` : `${key}\n`)
    })
  common(keys.command('list').description('list keys, newest first')).action(async ({ store, json }: Common) => {
    const rows = await atDesk(store, (desk) => desk.list())
    io.out.write(json === true ? `${JSON.stringify(rows)}\n` : table(rows))
  })
  common(keys.command('revoke <id>').description('revoke a key; other processes notice within 5 s')).action(
    async (id: string, { store, json }: Common) => {
      const row = await atDesk(store, (desk) => desk.revoke(id))
      io.out.write(json === true ? `${JSON.stringify(row)}\n` : `Key ${row.id} ("${row.name}") is revoked.\n`)
    },
  )
}

/**
 * Through the service, if one answers. Else, unless an address was asked for, in the store: a service that is
 * elsewhere must not be mistaken for one that does not run, and keys made for nobody.
 */
async function throughService<T>(program: Command, io: CliIo, work: (desk: KeyDesk) => Promise<T>): Promise<T> {
  try {
    return await work(overHttp(io))
  } catch (error) {
    const asked = program.getOptionValueSource('api') === 'cli' || io.url() !== DEFAULT_API
    if (!(error instanceof NoAnswer) || asked) throw error
    io.err.write(`No service answers at ${io.url()}; using the store.\n`)
    return await withStoredKeys(work)
  }
}

/** Where a service is that nobody has said anything about. */
const DEFAULT_API = 'http://127.0.0.1:3000'

function overHttp(io: CliIo): KeyDesk {
  return {
    create: (body) => call(io, 'POST', '/v1/keys', body),
    async list() {
      const rows: KeyView[] = []
      for (let path: string | null = '/v1/keys?limit=200'; path !== null;) {
        const page: { items: KeyView[]; has_more: boolean; next_cursor: string } = await call(io, 'GET', path)
        rows.push(...page.items)
        path = page.has_more ? `/v1/keys?limit=200&cursor=${encodeURIComponent(page.next_cursor)}` : null
      }
      return rows
    },
    revoke: (id) => call(io, 'DELETE', `/v1/keys/${encodeURIComponent(id)}`),
  }
}

function checked({ role, name, tenant, expires }: Wanted): { role: Role; name: string; tenant?: string; expires_at?: string } {
  if (!isRole(role)) throw new CallFailed(`There is no role "${role}"; the roles are ${ROLES.join(', ')}.`)
  if (tenant !== undefined && !isTenant(tenant)) throw new CallFailed('A tenant has 1 to 64 letters, digits, "-", "_" or ".".')
  if (expires !== undefined && !/^\d{1,5}$/.test(expires)) throw new CallFailed('--expires takes a number of days.')
  const until = expires === undefined ? {} : { expires_at: new Date(Date.now() + Number(expires) * DAY_MS).toISOString() }
  return { role, name, ...(tenant === undefined ? {} : { tenant }), ...until }
}

function table(rows: readonly KeyView[]): string {
  if (rows.length === 0) return 'There is no key yet.\n'
  const cells = rows.map(({ id, tenant, role, name, last_used_at, revoked_at, expires_at }) => {
    const ended = revoked_at !== null ? `revoked ${revoked_at}` : expires_at === null ? '' : `until ${expires_at}`
    return [id, tenant, role, last_used_at ?? 'never used', ended, name]
  })
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`).join('')
}

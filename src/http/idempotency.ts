import { createHash, randomUUID } from 'node:crypto'
import type { Command } from '../thread/command.ts'
import { deriveId } from '../thread/ids.ts'
import { hashBody, ownId } from '../thread/ledger.ts'
import { parseCommand } from '../thread/parse.ts'
import { HttpProblem } from './problems.ts'

/** The caller's Idempotency-Key, or null. Throws `invalid_request` for one that is empty or too long. */
export function idempotencyKey(headers: Readonly<Record<string, string | undefined>>): string | null {
  const key = headers['idempotency-key']
  if (key === undefined) return null
  if (/^[\x20-\x7e]{1,255}$/.test(key) && key.trim() !== '') return key
  throw new HttpProblem('invalid_request', 'Idempotency-Key: must be 1 to 255 printable ASCII characters.')
}

/** The command id of a request with a key: it counts for its tenant and route. */
export function keyedId(tenant: string, route: string, key: string): string {
  return `key-${createHash('sha256').update(`${tenant}:${route}:${key}`).digest('hex')}`
}

/** Under which id the thread remembers a command: its key, else its own or what it names. Null: it cannot be told again. */
export function repeatId(tenant: string, route: string, key: string | null, command: Command): string | null {
  return key === null ? (command.command_id ?? ownId(command) ?? null) : keyedId(tenant, route, key)
}

/** The id of a thread that the request creates: the same for a repeat with the same key on the same route. */
export function newThreadId(tenant: string, route: string, key: string | null): string {
  return key === null ? uuidv7() : deriveId(`${tenant}:${route}:${key}`, 'thread')
}

/** A random UUID of version 7: milliseconds first, so that ids sort by time. */
export function uuidv7(now: number = Date.now()): string {
  const random = randomUUID().replaceAll('-', '')
  const time = now.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(13, 16)}-${random.slice(16, 20)}-${random.slice(20)}`
}

/** The hash that the thread keeps of a command's body, of the command as the core reads it. Null for an invalid one. */
export function bodyHash(command: Command): string | null {
  const { type, ...raw } = command
  const parsed = parseCommand(type, raw)
  return parsed.ok ? hashBody(parsed.value) : null
}

import { z } from 'zod'
import type { EventKind } from '../thread/event.ts'
import { isPrivateHost } from './addresses.ts'

/** What a webhook can be told of, and the kind of event behind it. */
export const WEBHOOK_EVENTS = {
  'run.finished': 'RunFinished',
  'run.errored': 'RunErrored',
  'run.waiting': 'RunWaiting',
} as const satisfies Record<string, EventKind>
export type WebhookEvent = keyof typeof WEBHOOK_EVENTS

/** As a configuration says it. */
export type WebhookDefinition = {
  /** 1 to 64 letters, digits, `_`, `.`, `-`; unique. Deliveries that wait are found again by it. */
  id: string
  /** https, or with `allow_private` also http. */
  url: string
  /** Signs what is sent: `whsec_` and base64, or any text of 16 characters or more. */
  secret?: string
  /** The environment variable that holds the secret, instead of `secret`. */
  secret_env?: string
  /** What it is told of; all if absent. */
  events?: WebhookEvent[]
  /** It may be on this machine or in a private network. */
  allow_private?: boolean
  /** `first_ms`: pause before the second try (5,000), doubled each time up to 4 h. `give_up_ms`: after this it has failed (a day). */
  retry?: { first_ms?: number; give_up_ms?: number }
}

/** Ready for use: defaults filled in, the secret at hand. Times in ms. */
export type Webhook = {
  id: string
  url: string
  secret: string
  kinds: EventKind[]
  allow_private: boolean
  first_ms: number
  give_up_ms: number
}

const DAY_MS = 86_400_000
const MIN_SECRET_CHARACTERS = 16

const ms = z
  .int()
  .min(1)
  .max(7 * DAY_MS)
export const webhookShape = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 letters, digits, "_", "." or "-"'),
  url: z.string(),
  secret: z.string().optional(),
  secret_env: z.string().min(1).optional(),
  events: z
    .array(z.enum(Object.keys(WEBHOOK_EVENTS) as [WebhookEvent, ...WebhookEvent[]]))
    .min(1)
    .optional(),
  allow_private: z.boolean().optional(),
  retry: z.strictObject({ first_ms: ms.optional(), give_up_ms: ms.optional() }).optional(),
})

/** Mistakes that a shape cannot find, one sentence each with its place. */
export function checkWebhooks(webhooks: readonly WebhookDefinition[]): string[] {
  const mistakes: string[] = []
  const seen = new Map<string, number>()
  for (const [index, { id, url, secret, secret_env, allow_private }] of webhooks.entries()) {
    const at = `webhooks[${String(index)}]`
    const first = seen.get(id)
    if (first !== undefined) mistakes.push(`${at}.id: "${id}" is already the id of webhooks[${String(first)}]`)
    seen.set(id, index)
    const wrong = wrongUrl(url, allow_private === true)
    if (wrong !== null) mistakes.push(`${at}.url: ${wrong}`)
    if ((secret === undefined) === (secret_env === undefined)) mistakes.push(`${at}: needs either secret or secret_env`)
    if (secret !== undefined && weakSecret(secret) !== null) mistakes.push(`${at}.secret: ${weakSecret(secret) ?? ''}`)
  }
  return mistakes
}

function wrongUrl(text: string, allow_private: boolean): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return 'must be an address that starts with https://'
  if (url.username !== '' || url.password !== '') return 'must not hold a name or password'
  if (allow_private) return null
  if (url.protocol === 'http:') return 'must start with https:// (http:// only with allow_private: true)'
  return isPrivateHost(url.hostname) ? 'is on this machine or in a private network, which needs allow_private: true' : null
}

/** What is wrong with a secret, without telling it; null if nothing is. */
export function weakSecret(secret: string): string | null {
  if (secret.startsWith('whsec_') && Buffer.from(secret.slice(6), 'base64').length < MIN_SECRET_CHARACTERS)
    return 'needs at least 16 bytes of base64 behind "whsec_"'
  return secret.length < MIN_SECRET_CHARACTERS ? 'must have at least 16 characters' : null
}

/** Throws an Error whose message names the place for a secret that is missing or too short. */
export function resolveWebhooks(definitions: readonly WebhookDefinition[], variable: (name: string) => string | null): Webhook[] {
  return definitions.map(({ id, url, secret, secret_env, events, allow_private, retry }, index) => {
    const value = secret ?? variable(secret_env ?? '')
    const at = `webhooks[${String(index)}].secret_env`
    if (value === null) throw new Error(`${at}: the environment variable ${secret_env ?? ''} is not set`)
    const weak = weakSecret(value)
    if (weak !== null) throw new Error(`${at}: the value of ${secret_env ?? ''} ${weak}`)
    const names = events ?? (Object.keys(WEBHOOK_EVENTS) as WebhookEvent[])
    return {
      id,
      url,
      secret: value,
      kinds: [...new Set(names.map((name) => WEBHOOK_EVENTS[name]))],
      allow_private: allow_private ?? false,
      first_ms: retry?.first_ms ?? 5_000,
      give_up_ms: retry?.give_up_ms ?? DAY_MS,
    }
  })
}

import { AISDKError, APICallError, LoadAPIKeyError } from '@ai-sdk/provider'
import { DownloadError } from 'ai'
import { isObject } from '../thread/json.ts'
import { AgentConfigError } from './define-config.ts'

/** What a failed model call means for its run. `error` is fit to be shown: no key, no stack, one line. */
export type ModelFailure = { retryable: boolean; code: string; error: string; retry_after_ms: number | null }

const MAX_ERROR_LENGTH = 300
const MAX_RETRY_AFTER_MS = 60 * 60 * 1000

/** Sorts an error of a provider, of the network or of the AI SDK. `now` in ms, for a Retry-After that is a date. */
export function classifyModelError(error: unknown, now: number): ModelFailure {
  if (DownloadError.isInstance(error)) {
    const told = 'a file of the conversation cannot be fetched from its address'
    return { retryable: false, code: 'file_unavailable', error: told, retry_after_ms: null }
  }
  const status = statusOf(error)
  // An answer that began well and broke off carries the status it began with, which is not what went wrong.
  if (status !== undefined && status >= 400) {
    const retry_after_ms = retryAfter(APICallError.isInstance(error) ? error.responseHeaders : undefined, now)
    const { code, retryable } = byStatus(status)
    // A provider that refuses a key likes to quote it.
    const reason = code === 'auth_failed' ? "the provider's API key was refused" : publicMessage(error)
    return { retryable, code, error: `the model provider answered ${String(status)}: ${reason}`, retry_after_ms }
  }
  const fail = (code: string, retryable: boolean): ModelFailure => ({
    retryable,
    code,
    error: publicMessage(error),
    retry_after_ms: null,
  })
  if (LoadAPIKeyError.isInstance(error)) return fail('auth_failed', false)
  if (error instanceof AgentConfigError) return fail('model_unavailable', false)
  if (isNetworkError(error)) {
    const told = status === undefined ? 'the model provider cannot be reached' : 'the answer of the model provider broke off'
    return { ...fail('network', true), error: `${told}: ${publicMessage(error)}` }
  }
  // An error without a status that came out of the stream: providers send these when they are overloaded.
  if (isObject(error) && !(error instanceof Error)) return fail('provider_error', true)
  if (isObject(error) && error['isRetryable'] === true) return fail('provider_error', true)
  return fail(AISDKError.isInstance(error) ? 'invalid_request' : 'model_error', false)
}

function byStatus(status: number): { code: string; retryable: boolean } {
  if (status === 429) return { code: 'rate_limited', retryable: true }
  if (status === 401 || status === 403) return { code: 'auth_failed', retryable: false }
  if (status === 408 || status === 409 || status === 425 || status >= 500) return { code: 'provider_error', retryable: true }
  return { code: status === 404 ? 'model_not_found' : 'invalid_request', retryable: false }
}

/** Also of errors inside a stream, which carry a status without being an APICallError. */
function statusOf(error: unknown): number | undefined {
  const status = isObject(error) ? error['statusCode'] : undefined
  return typeof status === 'number' ? status : undefined
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date; at most an hour. */
function retryAfter(headers: Record<string, string> | undefined, now: number): number | null {
  const exact = Number.parseFloat(headers?.['retry-after-ms'] ?? '')
  const given = headers?.['retry-after'] ?? ''
  const seconds = /^\s*\d+(\.\d+)?\s*$/.test(given) ? Number.parseFloat(given) * 1000 : Date.parse(given) - now
  const wait = Number.isFinite(exact) ? exact : seconds
  return Number.isFinite(wait) ? Math.ceil(Math.min(Math.max(wait, 0), MAX_RETRY_AFTER_MS)) : null
}

/** Fetch says `TypeError: fetch failed` with the real reason as its cause; a connection cut in mid-stream says `terminated`. */
function isNetworkError(error: unknown): boolean {
  for (let at: unknown = error; isObject(at); at = at['cause']) {
    if (APICallError.isInstance(at) && at.isRetryable) return true
    if (typeof at['code'] === 'string' && /^(E[A-Z]{3,}|UND_ERR_[A-Z_]+)$/.test(at['code'])) return true
    if (at instanceof TypeError && /fetch failed|terminated|network|socket/i.test(at.message)) return true
    if (at['name'] === 'TimeoutError') return true
  }
  return false
}

/** An error's message without what looks like a secret, an address with a password or a second line. */
export function publicMessage(error: unknown): string {
  const raw =
    isObject(error) && typeof error['message'] === 'string'
      ? error['message']
      : typeof error === 'string'
        ? error
        : 'unknown error'
  const line = (raw.split(/\r?\n/, 1)[0] ?? '').trim()
  const safe = line
    .replace(/\b(sk|pk|rk)[-_][A-Za-z0-9*_-]{6,}/gi, '[redacted]')
    .replace(/\b(bearer|api[-_ ]?key[:=]?|authorization:?)\s+\S{6,}/gi, '$1 [redacted]')
    .replace(/\b(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{32,}|\b[0-9a-f]{32,}\b/g, '[redacted]')
    .replace(/(https?:\/\/)[^/\s@]+@/gi, '$1')
  return safe === '' ? 'no message was given' : safe.slice(0, MAX_ERROR_LENGTH)
}

import { APICallError } from '@ai-sdk/provider'
import { describe, expect, it } from 'vitest'
import { AgentConfigError } from '../../src/agent/define-config.ts'
import { classifyModelError, publicMessage } from '../../src/agent/model-errors.ts'

const NOW = Date.parse('2030-01-01T00:00:00Z')
const api = (statusCode: number, headers: Record<string, string> = {}, message = 'no'): APICallError =>
  new APICallError({ message, url: 'https://example.com', requestBodyValues: {}, statusCode, responseHeaders: headers })

describe('classifyModelError', () => {
  it.each([
    [429, true, 'rate_limited'],
    [408, true, 'provider_error'],
    [409, true, 'provider_error'],
    [500, true, 'provider_error'],
    [529, true, 'provider_error'],
    [401, false, 'auth_failed'],
    [403, false, 'auth_failed'],
    [400, false, 'invalid_request'],
    [404, false, 'model_not_found'],
  ])('status %i', (status, retryable, code) => {
    expect(classifyModelError(api(status), NOW)).toMatchObject({ retryable, code, retry_after_ms: null })
  })
  it.each([
    [{ 'retry-after': '2' }, 2000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': 'Tue, 01 Jan 2030 00:00:05 GMT' }, 5000],
    [{ 'retry-after': 'Mon, 31 Dec 2029 00:00:00 GMT' }, 0],
    [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1500],
    [{ 'retry-after': '999999' }, 3_600_000],
    [{ 'retry-after': 'soon' }, null],
  ])('%j', (headers, expected) => {
    expect(classifyModelError(api(429, headers as Record<string, string>), NOW).retry_after_ms).toBe(expected)
  })
  it('knows the network from its own faults', () => {
    const refused = new TypeError('fetch failed', {
      cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
    })
    expect(classifyModelError(refused, NOW)).toMatchObject({ retryable: true, code: 'network' })
    expect(classifyModelError(new TypeError('terminated'), NOW)).toMatchObject({ retryable: true, code: 'network' })
    expect(classifyModelError(new TypeError('x is not a function'), NOW)).toMatchObject({ retryable: false, code: 'model_error' })
    expect(classifyModelError({ message: 'overloaded' }, NOW)).toMatchObject({
      retryable: true,
      code: 'provider_error',
      error: 'overloaded',
    })
    expect(classifyModelError(new AgentConfigError('gone'), NOW)).toMatchObject({ retryable: false, code: 'model_unavailable' })
  })
  it('takes an answer that broke off for a fault of the network, whatever status it began with', () => {
    const facts = { url: 'https://example.com', requestBodyValues: {}, statusCode: 200 }
    const cut = new APICallError({
      ...facts,
      message: 'Failed to process',
      cause: new TypeError('terminated'),
      isRetryable: true,
    })
    expect(classifyModelError(cut, NOW)).toMatchObject({
      retryable: true,
      code: 'network',
      error: expect.stringMatching('broke off'),
    })
    const nonsense = new APICallError({ ...facts, message: 'Invalid JSON response' })
    expect(classifyModelError(nonsense, NOW)).toMatchObject({ retryable: false, code: 'invalid_request' })
  })
  it('never repeats a key that was refused', () => {
    expect(classifyModelError(api(401, {}, 'Incorrect API key provided: hunter2hunter2'), NOW).error).toBe(
      "the model provider answered 401: the provider's API key was refused",
    )
  })
})

describe('publicMessage', () => {
  it.each([
    ['bad key sk-abc123def456 used', 'bad key [redacted] used'],
    ['sent Bearer abcdef123456', 'sent Bearer [redacted]'],
    ['token A1b2C3d4A1b2C3d4A1b2C3d4A1b2C3d4 end', 'token [redacted] end'],
    ['at https://me:secret@host/x', 'at https://host/x'],
    ['first\n    at file.ts:1', 'first'],
    ['', 'no message was given'],
  ])('%j', (message, expected) => {
    expect(publicMessage(new Error(message))).toBe(expected)
  })
  it('is short', () => {
    expect(publicMessage('x '.repeat(1000))).toHaveLength(300)
  })
})

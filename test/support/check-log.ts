import { expect } from 'vitest'
import type { LogEvent } from '../../src/thread/envelope.ts'

/**
 * What is true of every thread's log, whatever happened: no gap, every message committed once, causes before effects,
 * one result for each tool call, one end for each run.
 */
export function checkLog(log: LogEvent[]): void {
  expect(
    log.map((event) => event.event_seq),
    'events are numbered from 1 without gaps',
  ).toEqual(log.map((_, index) => index + 1))
  const committed = log.filter((event) => event.kind === 'MessageCommitted').map((event) => event.payload)
  expect(
    committed.map((payload) => payload['message_seq']),
    'messages too',
  ).toEqual(committed.map((_, index) => index + 1))
  expect(new Set(committed.map((payload) => payload['message_id'])).size, 'each message once').toBe(committed.length)
  expect(
    log.filter((event) => 'lost' in event.payload),
    'no value is missing',
  ).toEqual([])
  expect(new Set(log.map((event) => event.idempotency_key)).size, 'idempotency keys are unique').toBe(log.length)
  checkRuns(log)
}

function checkRuns(log: LogEvent[]): void {
  const state = new Map<string, 'queued' | 'started' | 'ended'>()
  const calls = new Map<string, Set<string>>()
  for (const event of log) {
    const { run_id, kind } = event
    if (run_id === null || kind.startsWith('Pending')) continue
    const before = state.get(run_id)
    const at = `event ${String(event.event_seq)}, ${kind}`
    expect(before, `${at}: after its run's end`).not.toBe('ended')
    if (kind === 'RunQueued') state.set(run_id, 'queued')
    else expect(before, `${at}: before its run was queued`).toBeDefined()
    if (kind === 'RunStarted') state.set(run_id, 'started')
    if (kind === 'RunFinished' || kind === 'RunErrored') state.set(run_id, 'ended')
    const open = calls.get(run_id) ?? new Set<string>()
    calls.set(run_id, open)
    if (kind === 'ToolCallReady') open.add(String(event.payload['tool_call_id']))
    if (kind === 'ToolCallDone' || kind === 'ToolCallCancelled') {
      expect(open.delete(String(event.payload['tool_call_id'])), `${at}: a result without a call`).toBe(true)
    }
    if (kind === 'InferenceCompleted' || state.get(run_id) === 'ended')
      expect([...open], `${at}: a call without a result`).toEqual([])
  }
}

import type { PublicEvent } from '../../src/events/schemas.ts'
import { findings, type Rule } from './log-story.ts'

type Run = {
  status: 'queued' | 'running' | 'waiting' | 'ended'
  started: boolean
  step: number
  attempt: number
  stopping: boolean
}
/** Ends that a run may come to without having started. */
const UNSTARTED = new Set(['coalesced', 'superseded', 'cancelled'])

/**
 * Causes stand before effects: a run is queued, started, waits and goes on, and ends once; one is open at a time; its
 * steps and attempts count up; its input is committed after its start, a step's answer after its inference.
 */
export const runRules: Rule = (log) => {
  const { found, check } = findings()
  const runs = new Map<string, Run>()
  let open: string | null = null
  for (const event of log) {
    const { run_id, kind } = event
    if (run_id === null || kind.startsWith('Pending')) continue
    if (kind === 'RunQueued') {
      check(event, !runs.has(run_id), 'the run was queued before')
      runs.set(run_id, { status: 'queued', started: false, step: 1, attempt: 1, stopping: false })
      continue
    }
    const run = runs.get(run_id)
    check(event, run !== undefined, 'before its run was queued')
    if (run === undefined) continue
    check(event, run.status !== 'ended', 'after its run’s end')
    if (kind === 'RunStarted') {
      check(event, run.status === 'queued', `the run was ${run.status}`)
      check(event, open === null, `the run ${String(open)} is open`)
      open = run_id
      runs.set(run_id, { ...run, status: 'running', started: true })
      continue
    }
    check(event, run.started || kind === 'RunFinished' || kind === 'RunErrored', 'before its run was started')
    step(event, run, check)
    if (kind === 'RunFinished' || kind === 'RunErrored') {
      run.status = 'ended'
      if (open === run_id) open = null
    }
  }
  return found
}

function step(event: PublicEvent, run: Run, check: (event: PublicEvent, holds: boolean, what: string) => void): void {
  switch (event.kind) {
    case 'RunWaiting':
      run.status = 'waiting'
      break
    case 'RunResumed':
      check(event, run.status === 'waiting', `the run was ${run.status}`)
      run.status = 'running'
      break
    case 'RunInterrupted':
      check(event, !run.stopping, 'it was to stop already')
      run.status = 'running'
      run.stopping = true
      break
    case 'RunRescheduled':
      if (event.payload.tool_call_id !== undefined) break
      check(event, event.payload.step === run.step, `the open step is ${String(run.step)}`)
      check(event, event.payload.attempt === run.attempt + 1, `the attempt was ${String(run.attempt)}`)
      run.attempt = event.payload.attempt
      break
    case 'InferenceCompleted':
      check(event, run.status === 'running', `the run was ${run.status}`)
      check(event, event.payload.step === run.step, `the open step is ${String(run.step)}`)
      check(event, event.payload.attempt === run.attempt, `the attempt is ${String(run.attempt)}`)
      run.step += 1
      run.attempt = 1
      break
    case 'MessageCommitted': {
      const { step: made_by, interrupted = false, role } = event.payload
      if (made_by === null) break
      // What was cut off has no inference that is complete.
      const latest = interrupted && role === 'assistant' ? run.step : run.step - 1
      check(event, made_by <= latest, `step ${String(made_by)} is not complete`)
      break
    }
    case 'RunFinished': {
      const { type } = event.payload.termination
      check(event, run.started || UNSTARTED.has(type), 'before its run was started')
      check(event, event.payload.steps === run.step - 1, `${String(run.step - 1)} steps were taken`)
      check(event, type !== 'natural_end' || !run.stopping, 'it was to stop')
      break
    }
    case 'RunErrored':
      // A store that was set back never heard of its start.
      check(event, run.started || event.payload.code === 'store_restored', 'before its run was started')
      break
    default:
  }
}

import { describe, expect, it } from 'vitest'
import { nextBatch, stored } from '../../src/thread/batch.ts'
import { firstRun, firstStep, startsLate } from '../../src/thread/begin.ts'
import { applyInput, type CommandInput, type Moment } from '../../src/thread/input.ts'
import { next } from '../../src/thread/next.ts'
import { emptyThread, fromPredecessor } from '../../src/thread/state-init.ts'
import type { ThreadState } from '../../src/thread/state.ts'
import { SETTINGS } from './given.ts'

/** A thread's first command, taken before there is a workflow. */
const REF = { tenant: 'default', thread_id: 't1' }
const MOMENT: Moment = { execution: { run_id: 'nobody', started_at: 1_000 }, now: 1_000 }
const command = (raw: object, type = 'submit'): CommandInput => ({ kind: 'command', type, raw, via: 'update', delivery_id: 'd1' })
const submit = (more: object = {}): CommandInput =>
  command({ mode: 'queue', messages: [{ role: 'user', content: 'hello' }], sent_at: 1_000, ...more })
/** As it comes out of a workflow's input. */
const sent = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

describe('the first run of a thread', () => {
  it('given what it led to, the workflow is where it would be had it taken the command itself', () => {
    for (const more of [{}, { mode: 'foreground', command_id: 'c1' }, { metadata: { a: 1 }, agent_id: 'other' }]) {
      const first = firstRun(REF, SETTINGS, submit(more), MOMENT)
      if (first === null) throw new Error('it led to nothing')
      const itself = applyInput({ ...emptyThread('default', 't1', SETTINGS), epoch: 1 }, submit(more), MOMENT)
      expect(first.batch).toEqual(nextBatch(itself.state))
      expect(first.answer).toEqual(itself.answer)
      const begun = fromPredecessor(sent(first.state))
      expect({ ...begun, commands: 1 }).toEqual(sent(stored(itself.state, first.batch)))
      expect(next(begun, 1_000).effects).toMatchObject([{ type: 'model_step', input: { step: 1, attempt: 1 } }])
    }
  })

  it('when the command comes to the workflow as well, it is a repeat, under whatever name it is known', () => {
    for (const more of [{}, { command_id: 'c1' }, { messages: [{ id: 'm1', role: 'user', content: 'hello' }] }]) {
      const first = firstRun(REF, SETTINGS, submit(more), MOMENT)
      if (first === null) throw new Error('it led to nothing')
      const begun = fromPredecessor(sent(first.state))
      const later = { execution: { run_id: 'execution', started_at: 2_000 }, now: 2_000 }
      const again = applyInput(begun, submit({ ...more, sent_at: 2_000 }), later)
      expect(again.state).toBe(begun)
      expect(again.answer).toEqual({ ...first.answer, replayed: true })
    }
  })

  it('when the command is refused, or no command, there is nothing to begin with', () => {
    expect(firstRun(REF, SETTINGS, submit({ mode: 'resume_open_run' }), MOMENT)).toBeNull()
    expect(firstRun(REF, SETTINGS, submit({ messages: 'none' }), MOMENT)).toBeNull()
    expect(firstRun(REF, SETTINGS, command({ mode: 'graceful' }, 'interrupt'), MOMENT)).toBeNull()
    expect(firstRun(REF, SETTINGS, command({}, 'nonsense'), MOMENT)).toBeNull()
  })
})

describe('the first step of a run', () => {
  const first = (more: object = {}) => {
    const begun = firstRun(REF, SETTINGS, submit(more), MOMENT)
    if (begun === null) throw new Error('it led to nothing')
    return begun
  }

  it('given a batch with which a run begins, it is the step that the thread wants', () => {
    const { batch, state } = first()
    const [effect] = next(fromPredecessor(state), 1_000).effects
    expect(firstStep(batch, SETTINGS, 1_000)).toEqual(effect?.input)
  })

  it('is the one of the run that is open, whatever waits behind it', () => {
    const { state } = first()
    const say = (state: ThreadState, id: string) =>
      applyInput(state, { ...submit({ command_id: id }), delivery_id: id }, MOMENT).state
    const behind = nextBatch(say(fromPredecessor(state), 'c2'))
    if (behind === null) throw new Error('it led to nothing')
    expect(behind.events.map(({ kind }) => kind)).toContain('RunQueued')
    expect(firstStep(behind, SETTINGS, 1_000)).toBeNull()
    const both = nextBatch(say(say({ ...emptyThread('default', 't1', SETTINGS), epoch: 1 }, 'c1'), 'c2'))
    if (both === null) throw new Error('it led to nothing')
    expect(both.waiting).toBeDefined()
    expect(firstStep(both, SETTINGS, 1_000)).toMatchObject({ step: 1, attempt: 1, run_id: both.summary.active_run_id })
  })

  it('when the run was stopped in the same breath, there is none', () => {
    const started = applyInput({ ...emptyThread('default', 't1', SETTINGS), epoch: 1 }, submit(), MOMENT).state
    const stop = { ...command({ mode: 'graceful', queue: 'supersede' }, 'interrupt'), delivery_id: 'd2' }
    const batch = nextBatch(applyInput(started, stop, MOMENT).state)
    if (batch === null) throw new Error('it led to nothing')
    expect(batch.events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['RunStarted', 'RunInterrupted']))
    expect(firstStep(batch, SETTINGS, 1_000)).toBeNull()
  })
})

describe('the start of a first run', () => {
  it.each([
    ['at once', { first: true, begun_at: 1_000 }, 1_050, false],
    ['by a server whose clock is behind', { first: true, begun_at: 1_000 }, 900, false],
    ['after the engine was away', { first: true, begun_at: 1_000 }, 6_001, true],
    ['by an older process, which does not say when', { first: true }, 9_000_000, false],
    ['of a thread that was handed over', { begun_at: 1_000 }, 9_000_000, false],
  ])('%s', (_when, input, started_at, late) => {
    expect(startsLate(input, started_at)).toBe(late)
  })
})

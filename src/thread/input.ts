import type { Context } from './command.ts'
import { react } from './decide.ts'
import type { Report } from './ports.ts'
import { receive, turnAway, type Via } from './receive.ts'
import type { Answer, Rejection } from './reply.ts'
import type { ThreadState } from './state.ts'

/** One thing that has come in: a command from outside, or an effect's report. */
export type Input = CommandInput | ({ kind: 'report'; report: Report } & Origin)
export type CommandInput = {
  kind: 'command'
  type: string
  raw: unknown
  via: Via
  delivery_id: string
  /** It was refused with this, before the thread was there or on top of another state. */
  turned_away?: Rejection
} & Origin
/** The execution that it came to, where that was an earlier one: it gives the ids of what the input creates. */
type Origin = { from?: Execution }
export type Execution = { run_id: string; started_at: number }
/** Where and when an input is applied; `now` in ms. The same inputs at the same moment come to the same facts anywhere. */
export type Moment = { execution: Execution; now: number }

/** The state with one input applied to it. Only a command has an answer. */
export function applyInput(state: ThreadState, input: Input, moment: Moment): { state: ThreadState; answer: Answer | null } {
  if (input.kind === 'report') {
    const context = contextOf(`event-${String(state.event_seq)}`, input, moment)
    return { state: react(state, input.report, context), answer: null }
  }
  const context = { ...contextOf(input.delivery_id, input, moment), delivery_id: input.delivery_id }
  if (input.turned_away !== undefined)
    return { state: turnAway(state, input.type, input.raw, input.turned_away, context), answer: null }
  return receive(state, input.type, input.raw, input.via, context)
}

/** A caller was told that it is refused: on top of whatever state it comes again, it must not be applied. */
export function answered(input: Input, answer: Answer | null): Input {
  if (input.kind === 'report' || input.via === 'signal' || answer === null || answer.ok) return input
  return { ...input, turned_away: answer.rejection }
}

function contextOf(name: string, { from }: Origin, { execution, now }: Moment): Context {
  const { run_id, started_at } = from ?? execution
  return { now, seed: `${run_id}/${name}`, id_time: started_at }
}

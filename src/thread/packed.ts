import { isObject, utf8Length, type Json, type JsonObject } from './json.ts'
import { deriveId } from './ids.ts'
import type { PendingEntry, RunState, Snapshot } from './state.ts'

/**
 * The queue and its runs in short. Each write and each hand-over carries all of them, and one that waits is mostly as
 * all others are: only its ids and what it has of its own are written down, a tenth of the whole. What is common to all
 * stands below; it is part of the stored form, so it must stay as it is whatever new runs and messages look like.
 */

/** Lists of what is own, or the whole value where it lacks something that all others have. */
type PackedEntry =
  [pending_id: string, for_run_id: string | null, agent_id: string, created_at: number, own?: JsonObject] | PendingEntry
export type PackedRun =
  [run_id: string, dispatch_id: string, agent_id: string, dispatch_epoch: number, created_at: number, own?: Own] | RunState
type Own = { run?: JsonObject; record?: JsonObject; dispatch?: JsonObject }
/**
 * `runs`: all in their order. Of one that does not wait only the id, since it stands in the state itself. Most of those
 * that wait say nothing that the message does not say for which they were made: its place in the queue, and the epoch.
 */
export type Waiting = { queue: PackedEntry[]; runs: (PackedRun | string | Made)[] }
type Made = [place: number, dispatch_epoch: number]

type Holder = Pick<Snapshot, 'thread_id' | 'queue' | 'runs'>
/** A state in which queue and waiting runs are packed away, as JSON text or as what that reads; absent: there were none. */
export type Packed<T extends Holder> = T & { waiting?: string | Waiting }

export type StoredSnapshot = Packed<Snapshot>

/** The state without its queue and the runs that wait, and these as JSON text. A state without any is as it was. */
export function packed<T extends Holder>(state: T): { rest: T; waiting?: string } {
  const runs = Object.values(state.runs)
  if (state.queue.length === 0 && !runs.some(waits)) return { rest: state }
  const queue = state.queue.map((entry) => textOf(entry).text)
  const places = new Map(state.queue.map((entry, place) => [entry.for_run_id, place]))
  const open: Holder['runs'] = {}
  const packedRuns = runs.map((run) => {
    const { run_id } = run.record
    if (!waits(run)) {
      open[run_id] = run
      return JSON.stringify(run_id)
    }
    const place = places.get(run_id)
    const isMade = place !== undefined && isMadeFor(run, state.queue[place])
    return isMade ? `[${String(place)},${String(run.dispatch.dispatch_epoch)}]` : textOfRun(run).text
  })
  return { rest: { ...state, queue: [], runs: open }, waiting: `{"queue":[${queue.join()}],"runs":[${packedRuns.join()}]}` }
}

/** The same as one value, to be sent or kept. */
export function inShort<T extends Holder>(state: T): Packed<T> {
  const { rest, ...waiting } = packed(state)
  return { ...rest, ...waiting }
}

/** The state again, from what `packed` made of it or from one that never was. */
export function unpacked<T extends Holder>({ waiting: given, ...state }: Packed<T>): T {
  const whole = state as unknown as T
  if (given === undefined) return whole
  const waiting = typeof given === 'string' ? (JSON.parse(given) as Waiting) : given
  const queue = waiting.queue.map(unpackedEntry)
  const runs = waiting.runs.flatMap((run) => {
    const one = typeof run === 'string' ? whole.runs[run] : unpackedRun(isMade(run) ? made(run, queue) : run, whole.thread_id)
    return one === undefined ? [] : [[one.record.run_id, one] as const]
  })
  return { ...whole, queue, runs: Object.fromEntries(runs) }
}

function isMade(run: PackedRun | Made): run is Made {
  return Array.isArray(run) && run.length === 2
}

/** Whether nothing but its epoch is to be said of this run besides the message. */
function isMadeFor(run: RunState, entry: PendingEntry | undefined): boolean {
  const { record } = run
  if (entry?.agent_id !== record.agent_id || entry.created_at !== record.created_at) return false
  return textOfRun(run).plain
}

function made([place, dispatch_epoch]: Made, queue: readonly PendingEntry[]): PackedRun {
  const { for_run_id, agent_id = '', created_at = 0 } = queue[place] ?? {}
  const run_id = for_run_id ?? ''
  return [run_id, dispatchOf(run_id), agent_id, dispatch_epoch, created_at]
}

function dispatchOf(run_id: string): string {
  return deriveId(run_id, 'dispatch')
}

/** How much room the queue and its runs take in every write, in bytes. */
export function waitingSize({ queue, runs }: Pick<Holder, 'queue' | 'runs'>): number {
  const sizes = [...queue.map((entry) => textOf(entry).bytes), ...Object.values(runs).map((run) => textOfRun(run).bytes)]
  return sizes.reduce((sum, bytes) => sum + bytes + 1, 0)
}

/** A run by itself, whether it waits or not. */
export function packedRun(run: RunState): PackedRun {
  const { record, dispatch, ...rest } = run
  const { run_id, dispatch_id, agent_id, created_at } = record
  const ids = [run_id, dispatch_id, agent_id, dispatch.dispatch_epoch, created_at] as const
  const base = commonRun(ids, record.thread_id)
  const { record: baseRecord, dispatch: baseDispatch, ...baseRest } = base
  const own = { run: ownOf(rest, baseRest), record: ownOf(record, baseRecord), dispatch: ownOf(dispatch, baseDispatch) }
  if (own.run === null || own.record === null || own.dispatch === null) return run
  const given = Object.entries(own).filter(([, part]) => Object.keys(part ?? {}).length > 0)
  return given.length === 0 ? [...ids] : [...ids, Object.fromEntries(given) as Own]
}

/** Which run this is, whether it is written in short or whole. */
export function runIdOf(run: PackedRun): string {
  return Array.isArray(run) ? run[0] : run.record.run_id
}

export function unpackedRun(run: PackedRun, thread_id: string): RunState {
  if (!Array.isArray(run)) return run
  const [run_id, dispatch_id, agent_id, dispatch_epoch, created_at, own = {}] = run
  const { record, dispatch, ...rest } = commonRun([run_id, dispatch_id, agent_id, dispatch_epoch, created_at], thread_id)
  return { record: { ...record, ...own.record }, dispatch: { ...dispatch, ...own.dispatch }, ...rest, ...own.run }
}

function packedEntry(entry: PendingEntry): PackedEntry {
  const { pending_id, for_run_id, agent_id, created_at } = entry
  const ids = [pending_id, for_run_id, agent_id, created_at] as const
  const own = ownOf(entry, commonEntry(ids))
  if (own === null) return entry
  return Object.keys(own).length === 0 ? [...ids] : [...ids, own]
}

function unpackedEntry(entry: PackedEntry): PendingEntry {
  if (!Array.isArray(entry)) return entry
  const [pending_id, for_run_id, agent_id, created_at, own] = entry
  return { ...commonEntry([pending_id, for_run_id, agent_id, created_at]), ...own }
}

function waits({ phase }: RunState): boolean {
  return phase === 'queued'
}

type Text = { text: string; bytes: number; plain: boolean }
/** A state is never changed, and most of what waits stays for many writes: it is written down once. */
const TEXTS = new WeakMap<object, Text>()

function textOf(entry: PendingEntry): Text {
  return TEXTS.get(entry) ?? remembered(entry, packedEntry(entry), false)
}

/** `plain`: all that it says besides the ids is its epoch. */
function textOfRun(run: RunState): Text {
  const known = TEXTS.get(run)
  if (known !== undefined) return known
  const list = packedRun(run)
  return remembered(run, list, Array.isArray(list) && list.length === 5 && list[1] === dispatchOf(list[0]))
}

function remembered(value: object, made: PackedEntry | PackedRun, plain: boolean): Text {
  const text = JSON.stringify(made)
  const remember = { text, bytes: utf8Length(text), plain }
  TEXTS.set(value, remember)
  return remember
}

/** What `value` has besides or unlike `base`; null if it lacks something of it. */
function ownOf(value: object, base: object): JsonObject | null {
  const common = base as { [key: string]: Json }
  const given = value as { [key: string]: Json | undefined }
  if (Object.keys(common).some((key) => given[key] === undefined)) return null
  const own: JsonObject = {}
  for (const [key, inner] of Object.entries(given)) if (inner !== undefined && !isSame(inner, common[key])) own[key] = inner
  return own
}

function isSame(one: Json, other: Json | undefined): boolean {
  if (one === other) return true
  return (isObject(one) || Array.isArray(one)) && JSON.stringify(one) === JSON.stringify(other)
}

function commonEntry([pending_id, for_run_id, agent_id, created_at]: readonly [
  string,
  string | null,
  string,
  number,
]): PendingEntry {
  return {
    pending_id,
    role: 'user',
    visibility: 'external',
    delivery: { boundary: 'new_run', granularity: 'batch', barrier: false, fallback_to_new_run: true },
    agent_id,
    overrides_key: null,
    for_run_id,
    revision: 1,
    created_at,
  }
}

function commonRun(
  [run_id, dispatch_id, agent_id, dispatch_epoch, created_at]: readonly [string, string, string, number, number],
  thread_id: string,
): RunState {
  return {
    record: {
      ...{ run_id, thread_id, agent_id, agent_version: null, parent_run_id: null, retry_of: null, dispatch_id },
      ...{ status: 'created', termination: null, waiting: null },
      input: { trigger_message_ids: [], message_seq_from: null, message_seq_to: null },
      output: { message_ids: [] },
      ...{ final_output: null, error: null, steps: 0, usage: { input_tokens: 0, output_tokens: 0 } },
      ...{ metadata: null, overrides: null, transport_request_id: null },
      ...{ created_at, started_at: null, finished_at: null, updated_at: created_at },
    },
    dispatch: {
      ...{ dispatch_id, thread_id, run_id, status: 'queued', dispatch_epoch, attempt_count: 1, max_attempts: 5 },
      ...{ available_at: created_at, claimed_by: null, last_error: null },
      ...{ created_at, updated_at: created_at, completed_at: null },
    },
    ...{ final_output_ref: null, limits: null, phase: 'queued', step: 0, attempt: 0, not_before: 0, calls: [], stopping: null },
  }
}

import type { Payload } from '@temporalio/common'
import fc from 'fast-check'
import { COMMAND_TYPES, SUBMIT_MODES, type CommandType } from '../../../src/thread/command.ts'
import { BOUNDARIES } from '../../../src/thread/pending.ts'
import { parseCommand } from '../../../src/thread/parse.ts'
import { ODD_NUMBERS, ODD_TEXTS } from './odd-values.ts'

/** What anyone with an address can send to a thread's workflow, from nearly right to anything at all. */
export type Sent = { way: 'signal' | 'update' | 'query'; name: string; payloads: Payload[] }

const text = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 24 }) },
  fc.constantFrom(...ODD_TEXTS),
  fc.constantFrom('a', 'run', 'default', 'msg-1', 'x'.repeat(300)),
)
const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(...ODD_NUMBERS))
const json = fc.oneof({ maxDepth: 3 }, fc.jsonValue({ maxDepth: 4 }), text, number, fc.dictionary(text, fc.jsonValue()))
const often = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> => fc.oneof({ weight: 24, arbitrary: right }, json)

const message = fc.record(
  {
    id: often(fc.constantFrom('m1', 'm2', 'm3')),
    role: often(fc.constantFrom('user', 'assistant', 'system')),
    content: often(fc.oneof(text, fc.constant([{ type: 'text', text: 'hi' }]))),
    visibility: often(fc.constantFrom('external', 'internal')),
    metadata: often(fc.dictionary(text, json, { maxKeys: 3 })),
  },
  { requiredKeys: ['role', 'content'] },
)
const id = often(fc.constantFrom('m1', 'm2', 'm3', 'r1', 'call_1'))
const delivery = fc.record(
  {
    boundary: often(fc.constantFrom(...BOUNDARIES)),
    granularity: often(fc.constantFrom('one', 'batch')),
    barrier: often(fc.boolean()),
    target_run_id: id,
    fallback_to_new_run: often(fc.boolean()),
  },
  { requiredKeys: [] },
)
const FIELDS: Record<string, fc.Arbitrary<unknown>> = {
  command_id: often(fc.constantFrom('c1', 'c2')),
  by: json,
  sent_at: number,
  messages: often(fc.array(message, { maxLength: 3 })),
  message: often(message),
  mode: often(fc.constantFrom(...SUBMIT_MODES, 'steer', 'graceful')),
  queue: often(fc.constantFrom('keep', 'supersede', 'park')),
  delivery: often(delivery),
  durable: often(fc.boolean()),
  action: often(fc.constantFrom('resume', 'cancel')),
  payload: json,
  expected_revision: often(fc.nat(3)),
  expected_queue_revision: often(fc.nat(9)),
  pending_ids: often(fc.array(id, { maxLength: 4 })),
  ttl_ms: often(fc.integer({ min: 1, max: 500 })),
  ...Object.fromEntries(['run_id', 'pending_id', 'tool_call_id', 'ticket_id', 'decision_id'].map((name) => [name, id])),
}
/** What makes each command right, where nothing odd is put in; other fields may come on top. */
const NEEDS: Partial<Record<CommandType, string[]>> = {
  submit: ['messages'],
  decision: ['tool_call_id', 'action'],
  edit_pending: ['pending_id', 'message', 'expected_revision'],
  retract_pending: ['pending_id', 'expected_revision'],
  reorder_pending: ['pending_ids', 'expected_queue_revision'],
  hold_pending: ['pending_id'],
  release_pending: ['pending_id'],
}
const SOMETIMES: Partial<Record<CommandType, string[]>> = { submit: ['mode', 'queue', 'delivery', 'durable', 'command_id'] }

const commandOf = (type: CommandType): fc.Arbitrary<{ name: string; value: unknown }> => {
  const needs = NEEDS[type] ?? []
  const pick = (names: string[]): [string, fc.Arbitrary<unknown>][] => names.map((name) => [name, FIELDS[name] ?? json])
  const right = fc.record(Object.fromEntries(pick([...needs, ...(SOMETIMES[type] ?? [])])), { requiredKeys: needs })
  const strange = fc.record(FIELDS, { requiredKeys: [] })
  return fc
    .oneof({ weight: 4, arbitrary: right }, { weight: 1, arbitrary: strange }, { weight: 1, arbitrary: json })
    .map((value) => ({ name: type, value }))
}

const RAW_JSON = [
  ...['', 'null', '{', '{"messages":', '{"action":"cancel","action":"resume","tool_call_id":"x"}', '[1,]', '1e999', '-0', '"'],
  ...['{"__proto__":{"action":"resume"},"tool_call_id":"x"}', '{"constructor":{"prototype":{"a":1}}}', '\ufeff{}', '{}{}', 'NaN'],
  ...[
    `${'['.repeat(3_000)}${']'.repeat(3_000)}`,
    `{"payload":${'{"a":'.repeat(200)}1${'}'.repeat(200)}}`,
    '{"@weft/undecodable":1}',
  ],
]
const ENCODINGS = [
  'json/plain',
  'binary/null',
  'binary/plain',
  'json/protobuf',
  'binary/protobuf',
  'binary/encrypted',
  '',
  '\u0000',
]
const bytes = fc.uint8Array({ maxLength: 64 })
const rawPayload: fc.Arbitrary<Payload> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...ENCODINGS), bytes)
    .map(([encoding, data]) => ({ metadata: { encoding: Buffer.from(encoding) }, data })),
  bytes.map((encoding) => ({ metadata: { encoding }, data: Buffer.from('{}') })),
  fc.constantFrom<Payload[]>({}, { metadata: {} }, { data: Buffer.from('{}') }, { metadata: { other: Buffer.from('x') } }),
)
const jsonPayload = (data: string): Payload => ({ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(data) })
const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom<string>(...COMMAND_TYPES) },
  fc.constantFrom(
    'reconcile',
    'constructor',
    '__proto__',
    '__temporal_x',
    '__stack_trace',
    'snapshot',
    'thread',
    'Submit',
    'submit ',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 80 }).map((given) => given.toWellFormed()),
)
const named = (payloads: fc.Arbitrary<Payload[]>): fc.Arbitrary<Omit<Sent, 'way'>> => fc.record({ name, payloads })
const content = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .constantFrom(...COMMAND_TYPES)
      .chain(commandOf)
      .map((one) => ({ name: one.name, payloads: [jsonPayload(JSON.stringify(one.value) ?? 'null')] })),
  },
  { weight: 2, arbitrary: named(rawPayload.map((one) => [one])) },
  { weight: 1, arbitrary: named(fc.constantFrom(...RAW_JSON).map((one) => [jsonPayload(one)])) },
  { weight: 1, arbitrary: named(fc.array(rawPayload, { maxLength: 3 })) },
)
const way = fc.constantFrom<Sent['way'][]>('signal', 'signal', 'signal', 'signal', 'signal', 'update', 'update', 'query')
export const anyCommand: fc.Arbitrary<Sent> = fc.tuple(way, content).map(([each, rest]) => ({ way: each, ...rest }))

/** How a signal must be refused whatever the thread is doing; null: that depends on the thread, or is none of a sender's business. */
export function mustBeRefused({ name: command, payloads }: Sent): string | null {
  if (command === 'reconcile' || command.startsWith('__')) return null
  const type = COMMAND_TYPES.find((one) => one === command)
  if (type === undefined) return 'unknown_command'
  const [first] = payloads
  if (first === undefined || Buffer.from(first.metadata?.['encoding'] ?? []).toString() !== 'json/plain') return null
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(first.data ?? []).toString('utf8'))
  } catch {
    return 'undecodable_payload'
  }
  const parsed = parseCommand(type, value)
  return parsed.ok ? null : parsed.rejection.code
}

import type { ThreadState, ToolContext, ToolMessage } from './define-config.ts'
import { isObject, jsonSize, patched } from '../thread/json.ts'
import type { Json, JsonObject } from '../thread/json.ts'
import { MAX_DEPTH, MAX_SHARED_BYTES, MAX_STAGED_BYTES, MAX_STAGED_MESSAGES } from '../thread/limits.ts'
import { parseMessages } from '../thread/parse-message.ts'
import type { StagedMessage, ToolOutcome } from '../thread/ports.ts'

/** What a call that succeeded wants done with its thread, in the form in which outcomes carry it. */
export type Effects = Pick<Extract<ToolOutcome, { kind: 'done' }>, 'messages' | 'state_patch'>

const MESSAGE_FIELDS = new Set(['role', 'content', 'visibility', 'metadata'])
const BOUNDARIES: readonly unknown[] = ['next_step', 'on_natural_end']

/** Collects what one tool call does through its context. Nothing leaves before the tool has returned. */
export class ToolEffects {
  readonly context: ToolContext
  readonly #stored: () => Promise<JsonObject>
  readonly #messages: StagedMessage[] = []
  readonly #patching = new Set<Promise<void>>()
  #patch: JsonObject = {}
  #last: Promise<void> = Promise.resolve()
  #closed = false

  /** `stored` reads the thread's shared state; it is asked only when the tool asks. */
  constructor(call: { tenant: string; thread_id: string; run_id: string }, stored: () => Promise<JsonObject>) {
    this.#stored = stored
    const state: ThreadState = {
      get: () => {
        this.#mustBeOpen('state.get')
        return this.#state()
      },
      patch: (changes) => this.#startPatch(changes),
    }
    this.context = {
      ...call,
      state,
      stageMessages: (messages, options) => {
        this.#stage(messages, options?.boundary ?? 'next_step')
      },
    }
  }

  /**
   * The tool has returned: from here on its context refuses. Waits for patches that the tool did not wait for, and
   * rejects with the refusal of such a one, since nobody else can have seen it.
   */
  async finish(): Promise<Effects> {
    this.close()
    await Promise.all(this.#patching)
    const effects: Effects = {}
    if (Object.keys(this.#patch).length > 0) effects.state_patch = this.#patch
    if (this.#messages.length > 0) effects.messages = this.#messages
    return effects
  }

  /** From here on the context refuses. */
  close(): void {
    this.#closed = true
  }

  #mustBeOpen(name: string): void {
    if (this.#closed) throw new Error(`${name} was called after the tool had ended`)
  }

  #stage(given: ToolMessage | readonly ToolMessage[], boundary: 'next_step' | 'on_natural_end'): void {
    this.#mustBeOpen('stageMessages')
    if (!BOUNDARIES.includes(boundary)) throw new Error('stageMessages: boundary must be next_step or on_natural_end')
    const list = (Array.isArray(given) ? given : [given]) as readonly unknown[]
    if (list.length === 0) return
    if (this.#messages.length + list.length > MAX_STAGED_MESSAGES)
      throw new Error(`stageMessages: one call may stage at most ${String(MAX_STAGED_MESSAGES)} messages`)
    const parsed = parseMessages(list.map(toInput))
    if (!parsed.ok) throw new Error(`stageMessages: ${parsed.rejection.message}`)
    const staged = parsed.value.map((message): StagedMessage => ({ visibility: 'internal', ...message, boundary }))
    const bytes = jsonSize([...this.#messages, ...staged])
    if (bytes > MAX_STAGED_BYTES)
      throw new Error(
        `stageMessages: the messages of this call have ${String(bytes)} bytes as JSON, at most ${String(MAX_STAGED_BYTES)} may be staged`,
      )
    this.#messages.push(...staged)
  }

  #startPatch(changes: JsonObject): Promise<void> {
    this.#mustBeOpen('state.patch')
    const plain = plainJson(changes, 'state.patch')
    if (!isObject(plain)) throw new Error('state.patch takes an object')
    // One after the other: each must see what the others leave of the room.
    const done = this.#last.then(() => this.#applyPatch(plain as JsonObject))
    const forget = (): void => void this.#patching.delete(done)
    this.#patching.add(done)
    this.#last = done.then(forget, forget)
    return done
  }

  async #applyPatch(changes: JsonObject): Promise<void> {
    const patch = { ...this.#patch, ...changes }
    // What it removes counts too: it travels.
    const bytes = Math.max(jsonSize(patch), jsonSize(patched(await this.#stored(), patch)))
    if (bytes > MAX_SHARED_BYTES)
      throw new Error(
        `state.patch: the thread's state would have ${String(bytes)} bytes as JSON, at most ${String(MAX_SHARED_BYTES)} are kept`,
      )
    this.#patch = patch
  }

  async #state(): Promise<JsonObject> {
    await this.#last
    return structuredClone(patched(await this.#stored(), this.#patch))
  }
}

/** A field that would be ignored is a mistake; ids are the thread's to give, so that a repeated call cannot clash. */
function toInput(given: unknown, index: number): Json {
  const at = `stageMessages: messages[${String(index)}]`
  if (typeof given === 'string') return { role: 'user', content: given }
  const message = plainJson(given, at)
  const unknown = isObject(message) ? Object.keys(message).find((key) => !MESSAGE_FIELDS.has(key)) : undefined
  if (unknown !== undefined)
    throw new Error(`${at} has the field "${unknown.slice(0, 64)}"; the fields are ${[...MESSAGE_FIELDS].join(', ')}`)
  return message
}

/** A copy as plain JSON: the tool may change its own later. Throws where JSON would lose or invent something. */
function plainJson(value: unknown, what: string): Json {
  let copy: Json
  try {
    copy = JSON.parse(JSON.stringify(value, (_key, inner: unknown) => kept(inner))) as Json
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : 'unknown'
    throw new Error(`${what} must be plain JSON: ${reason}`, { cause: error })
  }
  if (isDeeper(copy, MAX_DEPTH)) throw new Error(`${what} is nested deeper than ${String(MAX_DEPTH)} levels`)
  return copy
}

/** JSON makes null of a number that is none, which in a patch would remove a key. */
function kept(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${String(value)} is not JSON`)
  if (typeof value === 'function' || typeof value === 'symbol') throw new Error(`a ${typeof value} is not JSON`)
  return value
}

function isDeeper(value: Json, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1))
}

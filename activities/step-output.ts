import type { ProviderMetadata } from 'ai'
import type { JsonObject } from '../src/thread/json.ts'
import type { Json } from '../src/thread/json.ts'
import type { Content, ContentPart } from '../src/thread/message.ts'

/** A tool call as it came out of the model. `problem`: why the AI SDK could not make one of it. */
export type RawCall = { id: string; name: string; arguments: Json; problem: 'unknown_tool' | 'no_json' | null }
type Block =
  | { type: 'text' | 'reasoning'; text: string; metadata: ProviderMetadata | undefined }
  | { type: 'call'; call: RawCall; metadata: ProviderMetadata | undefined }

/** Collects what a model step streams, in the order in which its blocks began. Lengths in UTF-16 units. */
export class StepOutput {
  readonly #blocks: Block[] = []
  readonly #open = new Map<string, Block>()
  readonly #inputs = new Map<string, { name: string; text: string }>()
  #text = ''
  #reasoning = ''

  get text(): string {
    return this.#text
  }
  get reasoning(): string {
    return this.#reasoning
  }
  get calls(): RawCall[] {
    return this.#blocks.flatMap((block) => (block.type === 'call' ? [block.call] : []))
  }
  /** Arguments that are streaming or have streamed, by call. */
  get inputs(): ReadonlyMap<string, { name: string; text: string }> {
    return this.#inputs
  }

  /** Adds text or reasoning; returns the offset at which it stands among its kind. */
  append(kind: 'text' | 'reasoning', block_id: string, delta: string, metadata?: ProviderMetadata): number {
    const block = this.#block(kind, block_id)
    block.text += delta
    block.metadata = metadata ?? block.metadata
    const offset = kind === 'text' ? this.#text.length : this.#reasoning.length
    if (kind === 'text') this.#text += delta
    else this.#reasoning += delta
    return offset
  }

  /** Providers send a block's signature with its end. */
  end(kind: 'text' | 'reasoning', block_id: string, metadata?: ProviderMetadata): void {
    if (metadata !== undefined) this.#block(kind, block_id).metadata = metadata
    this.#open.delete(`${kind}/${block_id}`)
  }

  startInput(id: string, name: string): void {
    this.#inputs.set(id, { name, text: '' })
  }

  /** Adds to a call's arguments; returns the offset at which the delta stands. */
  appendInput(id: string, delta: string): number {
    const input = this.#inputs.get(id)
    if (input === undefined) return 0
    const offset = input.text.length
    input.text += delta
    return offset
  }

  addCall(call: RawCall, metadata?: ProviderMetadata): void {
    this.#blocks.push({ type: 'call', call, metadata })
  }

  /** The assistant message: plain text as a string, otherwise parts. */
  content(): Content {
    const parts = this.#blocks.flatMap((block): ContentPart[] => {
      const options = block.metadata === undefined ? {} : { provider_options: block.metadata as JsonObject }
      if (block.type === 'call') {
        const { id, name, arguments: args } = block.call
        return [{ type: 'tool_call', tool_call_id: id, tool_name: name, arguments: args, ...options }]
      }
      if (block.type === 'text') return block.text === '' ? [] : [{ type: 'text', text: block.text }]
      // A reasoning block may be empty and still carry what the provider wants back.
      return block.text === '' && block.metadata === undefined ? [] : [{ type: 'reasoning', text: block.text, ...options }]
    })
    return parts.every((part) => part.type === 'text') ? this.#text : parts
  }

  #block(kind: 'text' | 'reasoning', block_id: string): Extract<Block, { type: 'text' | 'reasoning' }> {
    const key = `${kind}/${block_id}`
    const open = this.#open.get(key)
    if (open !== undefined && open.type !== 'call') return open
    const block = { type: kind, text: '', metadata: undefined }
    this.#blocks.push(block)
    this.#open.set(key, block)
    return block
  }
}

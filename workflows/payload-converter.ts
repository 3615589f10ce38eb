import { defaultPayloadConverter, METADATA_ENCODING_KEY, RawValue, type Payload, type PayloadConverter } from '@temporalio/common'
import { UNDECODABLE } from '../src/thread/parse.ts'

// Node's own, which the SDK gives to workflow code too; it has others in JavaScript, which are slow with long queues.
declare const TextEncoder: new () => { encode(text: string): Uint8Array }
declare const TextDecoder: new (encoding: string, options: object) => { decode(bytes: Uint8Array): string }
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const JSON_PLAIN = 'json/plain'
const ENCODING = encoder.encode(JSON_PLAIN)

/**
 * Decodes what it can and marks what it cannot. An error here would fail the workflow task again and again, and one
 * signal with a strange encoding would lock its thread for ever. Its payloads are those of the SDK's own converter.
 */
class TolerantPayloadConverter implements PayloadConverter {
  toPayload<T>(value: T): Payload {
    if (typeof value !== 'object' || value instanceof Uint8Array || value instanceof RawValue)
      return defaultPayloadConverter.toPayload(value)
    return { metadata: { [METADATA_ENCODING_KEY]: ENCODING }, data: encoder.encode(JSON.stringify(value)) }
  }

  fromPayload<T>(payload: Payload): T {
    try {
      const encoding = payload.metadata?.[METADATA_ENCODING_KEY]
      if (!payload.data || !encoding || decoder.decode(encoding) !== JSON_PLAIN)
        return defaultPayloadConverter.fromPayload<T>(payload)
      return JSON.parse(decoder.decode(payload.data)) as T
    } catch (error) {
      return { [UNDECODABLE]: error instanceof Error ? error.message : 'unknown encoding' } as T
    }
  }
}

export const payloadConverter = new TolerantPayloadConverter()

import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common'
import { UNDECODABLE } from '../src/thread/parse.ts'

/**
 * Decodes what it can and marks what it cannot. An error here would fail the workflow task again and again, and one
 * signal with a strange encoding would lock its thread for ever.
 */
class TolerantPayloadConverter implements PayloadConverter {
  toPayload<T>(value: T): Payload {
    return defaultPayloadConverter.toPayload(value)
  }

  fromPayload<T>(payload: Payload): T {
    try {
      return defaultPayloadConverter.fromPayload<T>(payload)
    } catch (error) {
      return { [UNDECODABLE]: error instanceof Error ? error.message : 'unknown encoding' } as T
    }
  }
}

export const payloadConverter = new TolerantPayloadConverter()

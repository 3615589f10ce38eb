import { SpanKind, type Tracer } from '@opentelemetry/api'
import { about, errorType, failed, within } from './span.ts'
import type { ModelTrace } from './tracing.ts'

/** A span for each call to a model, named as the conventions for generative AI say. Never what was said. */
export function traceModel(tracer: Tracer): ModelTrace {
  return ({ provider, model, step, attempt }, work) => {
    const attributes = {
      ...about(),
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': provider,
      'gen_ai.request.model': model,
      'weft.step': step,
      'weft.attempt': attempt,
    }
    return within(tracer, { name: `chat ${model}`, kind: SpanKind.CLIENT, attributes }, async (span) => {
      const end = await work()
      if (end.kind === 'failed') failed(span, errorType(end.error))
      else {
        span.setAttributes({
          'gen_ai.usage.input_tokens': end.usage.input_tokens,
          'gen_ai.usage.output_tokens': end.usage.output_tokens,
          'gen_ai.response.finish_reasons': [end.finish_reason],
        })
      }
      return end
    })
  }
}

import { Context } from '@temporalio/activity'
import { classifyModelError } from '../src/agent/model-errors.ts'
import { toModelMessages, usedCallIds } from '../src/agent/transcript.ts'
import type { TranscriptRow } from '../src/store/store.ts'
import type { ModelStepInput, ModelStepResult } from '../src/thread/ports.ts'
import type { RunRecord } from '../src/thread/records.ts'
import { CallIds } from './call-ids.ts'
import { callModel } from './call-model.ts'
import type { CallEnd } from './call-model.ts'
import type { ActivityDeps } from './deps.ts'
import { LiveStep } from './live-step.ts'
import { patiently } from './patience.ts'
import { planCalls } from './plan-calls.ts'
import { resolveAgent } from './resolve-agent.ts'
import type { RunAgent } from './resolve-agent.ts'
import { StepStage } from './step-stage.ts'
import { StepOutput } from './step-output.ts'
import { Stopped, watchStop } from './stop-watch.ts'
import type { StopWatch } from './stop-watch.ts'
import type { StepUnderWay } from './steps-ahead.ts'

type Failed = Extract<ModelStepResult, { kind: 'failed' }>

/**
 * One model call: reads the run and its transcript, streams the answer to the live bus, stages it, and plans the
 * tool calls it asks for. Failures are values. Throws only when the worker stops or the activity is cut off, so
 * that `interrupted` always means that somebody asked for it.
 */
export async function runModelStep(deps: ActivityDeps, input: ModelStepInput): Promise<ModelStepResult> {
  const { watch, result } = deps.ahead?.take(input) ?? beginStep(deps, input)
  watch.attach(Context.current())
  return await result
}

/** The step itself, for an activity that is there or yet to come: until one is attached, only the bus can stop it. */
export function beginStep(deps: ActivityDeps, input: ModelStepInput): StepUnderWay {
  const watch = watchStop(deps, input)
  return { watch, result: takeStep(deps, input, watch) }
}

async function takeStep(deps: ActivityDeps, input: ModelStepInput, watch: StopWatch): Promise<ModelStepResult> {
  const result = await answered(deps, input, watch)
  return result.kind === 'interrupted' ? result : { ...result, worker: deps.worker_id }
}

async function answered(deps: ActivityDeps, input: ModelStepInput, watch: StopWatch): Promise<ModelStepResult> {
  try {
    const prepared = await patiently(watch, () => prepare(deps, input))
    return 'kind' in prepared ? prepared : await answer(deps, input, watch, prepared)
  } catch (error) {
    if (!(error instanceof Stopped)) {
      deps.logger.error({ err: error, run_id: input.run_id, step: input.step }, 'a model step failed in a way it must not')
      return {
        kind: 'failed',
        retryable: true,
        code: 'internal_error',
        error: 'the model step failed; see the log of its worker',
        retry_after_ms: null,
      }
    }
    if (!watch.requested()) throw watch.failure()
    // Nothing has streamed: `answer` deals with what has.
    return { kind: 'interrupted', has_text: false, model: '', usage: { input_tokens: 0, output_tokens: 0 }, duration_ms: 0 }
  } finally {
    watch.close()
  }
}

type Prepared = { record: RunRecord; transcript: readonly TranscriptRow[]; run: RunAgent }

async function prepare(deps: ActivityDeps, input: ModelStepInput): Promise<Prepared | Failed> {
  const { tenant, thread_id, run_id, agent_id, agent_version } = input
  const through = input.through_message_seq
  const found = await deps.store.conversation.modelInput({ tenant, thread_id }, { run_id, through })
  if (found === null)
    return {
      kind: 'failed',
      retryable: false,
      code: 'run_not_found',
      error: 'the store does not know this run',
      retry_after_ms: null,
    }
  const { record, transcript } = found
  const run = await resolveAgent(deps, { tenant, thread_id }, { agent_id, agent_version, overrides: record.overrides })
  if ('code' in run) return { kind: 'failed', retry_after_ms: null, ...run }
  return { record, transcript, run }
}

async function answer(
  deps: ActivityDeps,
  input: ModelStepInput,
  watch: StopWatch,
  { record, transcript, run }: Prepared,
): Promise<ModelStepResult> {
  const started = performance.now()
  const output = new StepOutput()
  const live = new LiveStep(deps.bus, input, output)
  const stage = new StepStage(deps.store, input, output)
  const model = run.model_name
  const duration = (): number => Math.round(performance.now() - started)
  watchDeadline(input, record, run, watch)
  try {
    const ids = new CallIds(usedCallIds(transcript), `call_${input.message_id}`)
    const end = await ask(deps, {
      input,
      run,
      output,
      live,
      ids,
      watch,
      messages: toModelMessages(transcript),
      response_format: record.overrides?.response_format,
    })
    if (end.kind === 'failed') {
      const failure = classifyModelError(end.error, Date.now())
      // A provider's error holds the request, so the conversation, and what it answered, which may quote the key.
      const cause = failure.code === 'model_error' ? { err: end.error } : {}
      const { run_id, step, attempt } = input
      deps.logger.warn({ run_id, step, attempt, ...failure, ...cause }, 'a model call failed')
      return { kind: 'failed', ...failure }
    }
    const calls = await planCalls(output.calls, run.tools)
    await stage.complete(watch, calls)
    return {
      kind: 'completed',
      model,
      finish_reason: end.finish_reason.replaceAll('-', '_'),
      usage: end.usage,
      duration_ms: duration(),
      agent_version: run.agent.version,
      limits: run.limits,
      has_content: output.content().length > 0,
      has_text: output.text !== '',
      calls,
    }
  } catch (error) {
    if (!(error instanceof Stopped) || !watch.requested()) throw error
    return {
      kind: 'interrupted',
      has_text: await stage.partial(),
      model,
      usage: { input_tokens: 0, output_tokens: 0 },
      duration_ms: duration(),
      ...(watch.expired() ? { deadline: true } : {}),
    }
  } finally {
    live.close()
    stage.close()
  }
}

/** The thread hears of the agent's limits with the first step's result; until then, the step itself must keep to them. */
function watchDeadline(input: ModelStepInput, record: RunRecord, { limits }: RunAgent, watch: StopWatch): void {
  if (input.agent_version !== null || limits.deadline_ms === undefined) return
  watch.expireAt((record.started_at ?? Date.now()) + limits.deadline_ms)
}

/** A call whose errors are values, whether they were thrown, streamed, or the stream just ended too early. */
async function ask({ trace_model }: ActivityDeps, call: Parameters<typeof callModel>[0]): Promise<CallEnd> {
  const { step, attempt } = call.input
  const { provider, modelId } = call.run.model
  try {
    const work = () => callModel(call)
    const facts = { provider: provider.split('.')[0] ?? provider, model: modelId, step, attempt }
    const end = await (trace_model === undefined ? work() : trace_model(facts, work))
    if (end.kind === 'failed' && call.watch.signal.aborted) throw new Stopped('the activity must stop')
    if (end.kind !== 'finished') return end
    if (end.finish_reason === 'interrupted') return { kind: 'failed', error: { message: 'the answer was cut off' } }
    if (end.finish_reason === 'error')
      return { kind: 'failed', error: { message: 'the provider ended the answer with an error' } }
    return end
  } catch (error) {
    if (error instanceof Stopped || call.watch.signal.aborted) throw new Stopped('the activity must stop')
    return { kind: 'failed', error }
  }
}

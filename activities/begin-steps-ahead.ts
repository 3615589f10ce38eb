import { withFacts } from '../src/log/facts.ts'
import { firstStep } from '../src/thread/begin.ts'
import type { Observe } from '../src/thread/ports.ts'
import type { ActivityDeps } from './deps.ts'
import { beginStep } from './run-model-step.ts'
import type { StepsAhead } from './steps-ahead.ts'

/** Is to be told of all that the process stores: of a run that begins with it, the first step begins too. */
export function beginStepsAhead(deps: ActivityDeps, ahead: StepsAhead): Observe {
  return (_events, { batch }) => {
    const step = firstStep(batch, deps.settings, Date.now())
    if (step === null) return
    const { tenant, thread_id, run_id } = step
    ahead.begin(step, (input) => withFacts({ tenant, thread_id, run_id }, () => beginStep(deps, input)))
  }
}

import { firstStep } from '../src/thread/begin.ts'
import type { Observe } from '../src/thread/ports.ts'
import type { ActivityDeps } from './deps.ts'
import { beginStep } from './run-model-step.ts'
import type { StepsAhead } from './steps-ahead.ts'

/** Is to be told of all that the process stores: of a run that begins with it, the first step begins too. */
export function beginStepsAhead(deps: ActivityDeps, ahead: StepsAhead): Observe {
  return (_events, { batch }) => {
    const step = firstStep(batch, deps.settings, Date.now())
    if (step !== null) ahead.begin(step, (input) => beginStep(deps, input))
  }
}

import {
  ApplicationFailure,
  defineQuery,
  defineSignal,
  defineUpdate,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow'
import { COMMAND_TYPES, type CommandType } from '../src/thread/command.ts'
import { parseCommand } from '../src/thread/parse.ts'
import type { Answer } from '../src/thread/reply.ts'
import { activeRunView, pendingView, threadView } from '../src/thread/view.ts'
import { DESCRIPTIONS } from './descriptions.ts'
import type { ThreadShell } from './shell.ts'

/** Every command as a signal and as an update of the same name, and the queries. Set before anything is awaited. */
export function registerHandlers(shell: ThreadShell): void {
  // First, so that signals that are here already come in the order of their arrival and not of their names.
  setDefaultSignalHandler((name: string, ...args: unknown[]) => shell.signal(name, args[0]))
  for (const type of COMMAND_TYPES) {
    const description = DESCRIPTIONS[type]
    setHandler(defineSignal<[unknown]>(type), (raw: unknown) => shell.signal(type, raw), { description })
    setHandler(defineUpdate<Answer, [unknown]>(type), (raw: unknown) => shell.update(type, raw), {
      description,
      validator: (raw: unknown) => {
        validate(type, raw)
      },
    })
  }
  setHandler(defineQuery('thread'), () => shell.view(threadView), {
    description: 'The thread in short: status, numbers, queue length.',
  })
  setHandler(defineQuery('active_run'), () => shell.view(activeRunView), {
    description: 'The open run, with its open tickets, or null.',
  })
  setHandler(defineQuery('pending'), () => shell.view(pendingView), {
    description: 'The queue of messages that no run has read yet, with its revision.',
  })
}

/** Shape and size only, and synchronous: it runs before the state is loaded and must not depend on it. */
function validate(type: CommandType, raw: unknown): void {
  const parsed = parseCommand(type, raw)
  if (!parsed.ok) throw ApplicationFailure.nonRetryable(parsed.rejection.message, parsed.rejection.code)
}

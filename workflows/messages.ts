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
import { isObject } from '../src/thread/json.ts'
import type { Reconciled } from '../src/thread/repair/ports.ts'
import { activeRunView, pendingView, snapshotView, threadView } from '../src/thread/view.ts'
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
  const repair = {
    description:
      'For repairs: the store’s log ends at {"last_seq"}; take its word for this thread if that is behind. Else nothing.',
  }
  setHandler(
    defineUpdate<Reconciled, [unknown]>('reconcile'),
    (raw: unknown) => shell.reconcile(lastSeqOf(raw), isObject(raw) && raw['only_if_behind'] === true),
    {
      ...repair,
      validator: (raw: unknown) => void lastSeqOf(raw),
    },
  )
  setHandler(
    defineSignal<[unknown]>('reconcile'),
    (raw: unknown) => {
      const last_seq = isObject(raw) && typeof raw['last_seq'] === 'number' ? raw['last_seq'] : Number.MAX_SAFE_INTEGER
      void shell.reconcile(last_seq)
    },
    repair,
  )
  setHandler(defineQuery('snapshot'), () => shell.view(snapshotView), {
    description: 'For repairs: all that the thread would store of its state.',
  })
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

function lastSeqOf(raw: unknown): number {
  const last_seq = isObject(raw) ? raw['last_seq'] : undefined
  if (typeof last_seq === 'number' && Number.isSafeInteger(last_seq) && last_seq >= 0) return last_seq
  throw ApplicationFailure.nonRetryable('reconcile takes {"last_seq": a whole number}', 'invalid_command')
}

/** Shape and size only, and synchronous: it runs before the state is loaded and must not depend on it. */
function validate(type: CommandType, raw: unknown): void {
  const parsed = parseCommand(type, raw)
  if (!parsed.ok) throw ApplicationFailure.nonRetryable(parsed.rejection.message, parsed.rejection.code)
}

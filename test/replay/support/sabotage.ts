/**
 * Changes to the bundle that histories of an earlier version do not agree with. `find` is where it takes hold in the
 * code; `seen`: behaviours whose histories must show it.
 */
export type Sabotage = { what: string; find: RegExp; put: string; seen: string[] }

export const SABOTAGE: readonly Sabotage[] = [
  {
    what: 'another activity stores the log',
    find: /\.persist\(batch\)/g,
    put: '.loadThread(batch)',
    seen: ['plain-run', 'the-store-is-away-for-a-moment'],
  },
  {
    what: 'nothing is stored',
    find: /if \(!travels\) this\.#persister\.start\(state\);/,
    put: ';',
    seen: ['plain-run', 'edited'],
  },
  {
    what: 'a thread that was stored before its start is loaded all the same',
    find: /state !== undefined && !again/,
    put: 'state !== undefined && state.event_seq > 4 && !again',
    seen: ['begun-in-the-store', 'begun-in-the-store-and-reset'],
  },
  {
    what: 'an extra timer before anything else',
    find: /(\(0,(_temporalio_workflow__\w+)\.setDefaultSignalHandler\))/,
    put: '(void (0,$2.sleep)(60000)), $1',
    seen: ['plain-run', 'reset-to-its-last-task'],
  },
  {
    what: 'a tool runs by the name of a model step',
    find: /activities\.runTool\(/,
    put: 'activities.runModelStep(',
    seen: ['tools-side-by-side', 'approved'],
  },
  {
    what: 'operators are told nothing',
    find: /this\.#attributes\.update\(state\);/,
    put: ';',
    seen: ['plain-run'],
  },
  {
    what: 'nobody wakes a thread',
    find: /this\.#wake\.set\(plan\.wake_at\);/,
    put: ';',
    seen: ['a-hold-that-expires', 'a-ticket-expires', 'retried-and-answered'],
  },
  {
    what: 'what should stop is not cancelled',
    find: /running\.scope\.cancel\(\)/,
    put: 'running.scope',
    seen: ['interrupted-while-a-tool-runs', 'interrupted-while-a-model-writes'],
  },
  {
    what: 'an idle thread stays',
    find: /plan\.close_at !== null && Date\.now\(\) >= plan\.close_at/,
    put: 'false && plan.close_at !== null',
    seen: ['idle-and-back'],
  },
  {
    what: 'a webhook is told once more',
    find: /const \{ next_at, wait_ms \} = await deliverWebhooks\(input\)/,
    put: 'await deliverWebhooks(input); const { next_at, wait_ms } = await deliverWebhooks(input)',
    seen: ['a-webhook-is-told'],
  },
  {
    what: 'a repair leaves the living threads out',
    find: /activities\.reconcileWorkflows\(/,
    put: 'activities.retain(',
    seen: ['a-repair-of-everything', 'a-repair-of-one-thread'],
  },
]

/** The bundle with the change made; throws where the code has changed so that it takes no hold any more. */
export function sabotaged(code: string, { what, find, put }: Sabotage): string {
  const changed = code.replace(find, put)
  if (changed === code) throw new Error(`the sabotage "${what}" finds nothing in the bundle; write it anew`)
  return changed
}

/** Changes to the bundle that no history of an earlier version agrees with. Each must say where in the code it takes hold. */
export type Sabotage = { what: string; find: RegExp; put: string }

export const SABOTAGE: readonly Sabotage[] = [
  {
    what: 'another activity stores the log',
    find: /\.persist\(batch\)/g,
    put: '.loadThread(batch)',
  },
  {
    what: 'nothing is stored',
    find: /if \(!travels\) (_class_private_field_get\(this, _persister\))\.start\(state\);/,
    put: ';',
  },
  {
    what: 'an extra timer before anything else',
    find: /(\(0,(_temporalio_workflow__\w+)\.setDefaultSignalHandler\))/,
    put: '(void (0,$2.sleep)(60000)), $1',
  },
  {
    what: 'a tool runs by the name of a model step',
    find: /activities\.runTool\(/,
    put: 'activities.runModelStep(',
  },
  {
    what: 'operators are told nothing',
    find: /_class_private_field_get\(this, _attributes\)\.update\(state\);/,
    put: ';',
  },
  {
    what: 'nobody wakes a thread',
    find: /_class_private_field_get\(this, _wake\)\.set\(plan\.wake_at\);/,
    put: ';',
  },
  {
    what: 'what should stop is not cancelled',
    find: /running\.scope\.cancel\(\)/,
    put: 'running.scope',
  },
  {
    what: 'an idle thread stays',
    find: /plan\.close_at !== null && Date\.now\(\) >= plan\.close_at/,
    put: 'false && plan.close_at !== null',
  },
  {
    what: 'a webhook is told once more',
    find: /const \{ next_at \} = await deliverWebhooks\(input\)/,
    put: 'await deliverWebhooks(input); const { next_at } = await deliverWebhooks(input)',
  },
  {
    what: 'a repair leaves the living threads out',
    find: /activities\.reconcileWorkflows\(/,
    put: 'activities.retain(',
  },
]

/** The bundle with the change made; throws where the code has changed so that it takes no hold any more. */
export function sabotaged(code: string, { what, find, put }: Sabotage): string {
  const changed = code.replace(find, put)
  if (changed === code) throw new Error(`the sabotage "${what}" finds nothing in the bundle; write it anew`)
  return changed
}

import { condition, defineUpdate, proxyActivities, setHandler } from '@temporalio/workflow'
import type { Activities } from './activities.ts'

const { echo } = proxyActivities<Activities>({ startToCloseTimeout: '10s', retry: { maximumAttempts: 1 } })
const submit = defineUpdate<string, [string]>('submit')

/** The least that a durable run can be: an update that is answered at once, one activity, its result. */
export async function bareRun(): Promise<string> {
  let given: string | null = null
  setHandler(submit, (text) => {
    given = text
    return 'accepted'
  })
  await condition(() => given !== null)
  return await echo(given ?? '')
}

/** The same for a workflow that stays, as a thread does: each update runs the activity. */
export async function bareThread(): Promise<void> {
  setHandler(submit, (text) => echo(text))
  await condition(() => false)
}

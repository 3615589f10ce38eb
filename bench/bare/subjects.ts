import { randomUUID } from 'node:crypto'
import { Client, Connection, WithStartWorkflowOperation, WorkflowUpdateStage } from '@temporalio/client'
import type { Subject, Turn } from '../support/subject.ts'
import { BARE_RUN, BARE_TASK_QUEUE, BARE_THREAD, BARE_UPDATE } from './names.ts'

export type BareSubjects = {
  fresh: Subject
  warm: Subject
  /** How many runs have ended, and so how many rows there must be. */
  ended(): number
  close(): Promise<void>
}

/** The bare workflow as a client of the plain SDK uses it. */
export async function createBareSubjects(address: string, warm_turns: number): Promise<BareSubjects> {
  const connection = await Connection.connect({ address })
  const { workflow } = new Client({ connection })
  let ended = 0

  /** A new workflow: update-with-start until it is answered, then the workflow's result. */
  async function run(): Promise<Turn> {
    const text = randomUUID()
    const startWorkflowOperation = started<string>(BARE_RUN, text)
    const began = performance.now()
    await workflow.executeUpdateWithStart<() => Promise<string>, string, [string]>(BARE_UPDATE, {
      args: [text],
      startWorkflowOperation,
    })
    const first_ms = performance.now() - began
    const handle = await startWorkflowOperation.workflowHandle()
    const answer = await handle.result()
    ended += 1
    return turn(began, first_ms, text, answer)
  }

  /** A workflow that has run once: each update until it is accepted, then its result. */
  async function open(): Promise<() => Promise<Turn>> {
    const id = randomUUID()
    const startWorkflowOperation = started<void>(BARE_THREAD, id)
    const options = { args: [id] as [string], startWorkflowOperation }
    await workflow.executeUpdateWithStart<() => Promise<void>, string, [string]>(BARE_UPDATE, options)
    ended += 1
    const handle = workflow.getHandle(id)
    return async () => {
      const text = randomUUID()
      const began = performance.now()
      const waitForStage = WorkflowUpdateStage.ACCEPTED
      const update = await handle.startUpdate<string, [string]>(BARE_UPDATE, { args: [text], waitForStage })
      const first_ms = performance.now() - began
      const answer = await update.result()
      ended += 1
      return turn(began, first_ms, text, answer)
    }
  }

  return {
    fresh: { turns: 1, opening: 0, open: () => Promise.resolve(run) },
    warm: { turns: warm_turns, opening: 1, open },
    ended: () => ended,
    close: () => connection.close(),
  }
}

function started<T>(type: string, workflowId: string): WithStartWorkflowOperation<() => Promise<T>> {
  return new WithStartWorkflowOperation<() => Promise<T>>(type, {
    workflowId,
    taskQueue: BARE_TASK_QUEUE,
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [],
  })
}

function turn(began: number, first_ms: number, wanted: string, got: string): Turn {
  const end_ms = performance.now() - began
  if (got !== wanted) throw new Error(`the bare workflow answered ${got} instead of ${wanted}`)
  return { first_ms, end_ms }
}

import { defineSearchAttributeKey } from '@temporalio/common'
import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow'
import { summaryOf } from '../src/thread/batch.ts'
import type { ThreadState } from '../src/thread/state.ts'

const STATUS = defineSearchAttributeKey('WeftStatus', 'KEYWORD')
const AGENT = defineSearchAttributeKey('WeftAgent', 'KEYWORD')
const TENANT = defineSearchAttributeKey('WeftTenant', 'KEYWORD')
const WAITING = defineSearchAttributeKey('WeftWaiting', 'BOOL')

/** What operators filter threads by. Each change costs one event of history and one task, so only changes are written. */
export class SearchAttributes {
  #last = ''
  #hasTenant = false
  /** Whoever started the thread gave some, so the namespace knows them. */
  readonly #given: boolean

  constructor() {
    const { typedSearchAttributes: given, continuedFromExecutionRunId } = workflowInfo()
    const status = given.get(STATUS)
    this.#given = status !== undefined
    // Where an execution goes on, they are the ones of before, which histories of before wrote once more.
    if (status === undefined || continuedFromExecutionRunId !== undefined) return
    this.#last = facts(status, given.get(AGENT))
    this.#hasTenant = given.get(TENANT) !== undefined
  }

  update(state: ThreadState): void {
    if (!state.settings.search_attributes && !this.#given) return
    const { status, agent_id } = summaryOf(state)
    const now = facts(status, agent_id)
    if (now === this.#last) return
    this.#last = now
    const tenant = state.settings.tenant_attribute === true && !this.#hasTenant
    this.#hasTenant ||= tenant
    upsertSearchAttributes([
      { key: STATUS, value: status },
      { key: AGENT, value: agent_id },
      { key: WAITING, value: status === 'waiting' },
      // It never changes, so one command that is sent anyway brings it.
      ...(tenant ? [{ key: TENANT, value: state.tenant }] : []),
    ])
  }
}

function facts(status: string, agent_id: string | null | undefined): string {
  return `${status}/${agent_id ?? ''}`
}

import { defineSearchAttributeKey } from '@temporalio/common'
import { upsertSearchAttributes } from '@temporalio/workflow'
import { summaryOf } from '../src/thread/batch.ts'
import type { ThreadState } from '../src/thread/state.ts'

const STATUS = defineSearchAttributeKey('WeftStatus', 'KEYWORD')
const AGENT = defineSearchAttributeKey('WeftAgent', 'KEYWORD')
const TENANT = defineSearchAttributeKey('WeftTenant', 'KEYWORD')
const WAITING = defineSearchAttributeKey('WeftWaiting', 'BOOL')

/** What operators filter threads by. Each change costs one event of history, so only changes are written. */
export class SearchAttributes {
  #last = ''

  update(state: ThreadState): void {
    if (!state.settings.search_attributes) return
    const { status, agent_id } = summaryOf(state)
    const now = `${status}/${agent_id ?? ''}`
    if (now === this.#last) return
    const first = this.#last === ''
    this.#last = now
    upsertSearchAttributes([
      { key: STATUS, value: status },
      { key: AGENT, value: agent_id },
      { key: WAITING, value: status === 'waiting' },
      // It never changes, so one command that is sent anyway brings it.
      ...(first && state.settings.tenant_attribute === true ? [{ key: TENANT, value: state.tenant }] : []),
    ])
  }
}

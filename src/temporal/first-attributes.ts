import { isGrpcServiceError } from '@temporalio/client'
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common'
import type { Command } from '../thread/command.ts'
import type { ThreadRef } from '../thread/ports.ts'

const STATUS = defineSearchAttributeKey('WeftStatus', 'KEYWORD')
const AGENT = defineSearchAttributeKey('WeftAgent', 'KEYWORD')
const WAITING = defineSearchAttributeKey('WeftWaiting', 'BOOL')
const TENANT = defineSearchAttributeKey('WeftTenant', 'KEYWORD')

/** Which of the search attributes the namespace knows. */
export type KnownAttributes = { search_attributes: boolean; tenant_attribute: boolean }

/**
 * What a thread will mostly be once it has taken the command that starts it. Given with the start it costs nothing, while
 * the thread itself would have to write it by an event and a task of its own; where it comes out otherwise, the thread
 * says so. Undefined where nothing is given: the namespace does not know them all, or the agent is not named.
 */
export function firstAttributes(
  { tenant }: ThreadRef,
  command: Command,
  { search_attributes, tenant_attribute }: KnownAttributes,
): SearchAttributePair[] | undefined {
  if (!search_attributes || !tenant_attribute || command.type !== 'submit' || !command.agent_id) return undefined
  return [
    { key: STATUS, value: 'running' },
    { key: AGENT, value: command.agent_id },
    { key: WAITING, value: false },
    { key: TENANT, value: tenant },
  ]
}

const INVALID_ARGUMENT = 3

/** Whether a start was refused because of what was given here: removed meanwhile, or not known everywhere yet. */
export function refusesAttributes(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    // Of a start that comes with an update, the server's words stand in the message and not in the details.
    if (isGrpcServiceError(cause) && cause.code === INVALID_ARGUMENT)
      return /search ?attribute/i.test(`${cause.details} ${cause.message}`)
  return false
}

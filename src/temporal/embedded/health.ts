import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import proto from '@temporalio/proto'
import { msToTs } from '@temporalio/common/lib/time.js'
import { SEARCH_ATTRIBUTES } from './arguments.ts'

/**
 * Closed histories are only for looking at; what a thread needs is in the store. An hour is the shortest retention
 * the server accepts, and it keeps the database file small.
 */
const RETENTION_MS = 3_600_000
const RETRY_MS = 50
const INDEXED = {
  Keyword: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  Bool: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
} as const
const ALREADY_EXISTS = 6

/**
 * Waits until the server answers, its namespace exists and its search attributes are known, and sets the retention
 * of closed workflows. Ends early, without an error, when `gone` says so; throws what the server answered last when
 * `deadline` (ms since the epoch) passes.
 */
export async function waitUntilHealthy(port: number, namespace: string, deadline: number, gone: () => boolean): Promise<void> {
  while (!gone() && !(await accepts(port))) await pause(deadline, new Error('it does not accept connections'))
  if (gone()) return
  const connection = Connection.lazy({ address: `127.0.0.1:${port}` })
  try {
    let prepared = false
    while (!prepared && !gone()) {
      prepared = await connection
        .withDeadline(Date.now() + 2_000, () => prepare(connection, namespace))
        .catch((error: unknown) => pause(deadline, error))
      if (!prepared) await pause(deadline, new Error('its search attributes are not registered'))
    }
  } finally {
    await connection.close()
  }
}

async function prepare(connection: Connection, namespace: string): Promise<boolean> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace })
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in (customAttributes ?? {})))
  if (missing.length > 0) {
    // The server registers what its arguments name only in new files: those of an earlier version lack what is new.
    const searchAttributes = Object.fromEntries(missing.map(([name, type]) => [name, INDEXED[type]]))
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes }).catch(ignoreThere)
    return false
  }
  await connection.workflowService.updateNamespace({ namespace, config: { workflowExecutionRetentionTtl: msToTs(RETENTION_MS) } })
  return true
}

/** A server with new files registers them itself, a moment after it begins to answer. */
function ignoreThere(error: unknown): void {
  if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error
}

async function pause(deadline: number, error: unknown): Promise<false> {
  if (Date.now() > deadline) throw error
  await sleep(RETRY_MS)
  return false
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const answer = (value: boolean) => {
      socket.destroy()
      resolve(value)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}

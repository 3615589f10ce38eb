import { defaultPayloadConverter } from '@temporalio/common'
import type { Behaviours } from '../support/stage.ts'

/** What nobody should send. */
export const garbage: Behaviours = {
  'garbage-by-signal': async (s) => {
    await s.run('hello')
    const bad = [null, 7, 'text', [], { messages: 7 }, { messages: [] }, { messages: [{ role: 'nobody', content: 1 }] }]
    for (const value of bad) await s.handle.signal('submit', value)
    await s.handle.signal('decision', 'yes')
    await s.handle.signal('edit_pending', { pending_id: 1 })
    await s.handle.signal('hold_pending')
    await s.logged('CommandRejected', bad.length + 3)
    await s.run('still there?')
  },
  'unknown-signals': async (s) => {
    await s.run('hello')
    await s.handle.signal('no_such_command', {})
    await s.handle.signal('constructor', {})
    await s.handle.signal('reconcile', 'garbage')
    await s.logged('CommandRejected', 2)
    await s.run('still there?')
  },
  'reserved-signals': async (s) => {
    await s.run('hello')
    await s.handle.signal('__temporal_strange')
    await s.handle.signal('__temporal_workflow_metadata', {})
    await s.logged('CommandRejected', 2)
    await s.run('still there?')
  },
  'undecodable-signals': async (s) => {
    await s.run('hello')
    const payload = defaultPayloadConverter.toPayload('x')
    const strange = { ...payload, metadata: { encoding: new TextEncoder().encode('binary/strange') } }
    await s.engine.client.workflowService.signalWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: `default/${s.thread}` },
      signalName: 'submit',
      input: { payloads: [strange] },
      identity: 'client',
    })
    await s.logged('CommandRejected')
    await s.run('still there?')
  },
  'garbage-by-update': async (s) => {
    await s.run('hello')
    for (const [name, value] of [
      ['submit', null],
      ['submit', { messages: [] }],
      ['decision', 7],
      ['no_such_command', {}],
      ['reconcile', { last_seq: 'x' }],
    ] as const)
      await s.handle.executeUpdate(name, { args: [value] }).then(
        () => Promise.reject(new Error(`${name} was accepted`)),
        () => undefined,
      )
    await s.refused('pending_not_found', { type: 'release_pending', pending_id: 'nothing' })
    await s.run('still there?')
  },
}

import { ASK, EMAIL, type Behaviours } from '../support/stage.ts'

/** What people answer to tickets, and what becomes of those that nobody answers. */
export const decisions: Behaviours = {
  approved: async (s) => {
    const { run_id, call } = await s.waits()
    await s.decide(call, { payload: { approved: true }, by: { id: 'ada' } })
    await s.ends(run_id)
  },
  denied: async (s) => {
    const { run_id, call } = await s.waits()
    await s.decide(call, { payload: { approved: false, reason: 'too soon' } })
    await s.ends(run_id)
  },
  'a-ticket-is-cancelled': async (s) => {
    const { run_id, call } = await s.waits()
    await s.decide(call, { action: 'cancel', reason: 'no' })
    await s.ends(run_id)
  },
  'approved-with-other-arguments': async (s) => {
    const { run_id, call } = await s.waits()
    const edited_args = { to: 'bob@example.com', subject: 'another' }
    await s.decide(call, { payload: { approved: true, edited_args } })
    await s.ends(run_id)
  },
  'approved-for-good': async (s) => {
    const { run_id, call } = await s.waits()
    await s.decide(call, { payload: { approved: true, remember: true } })
    await s.ends(run_id)
    await s.run(EMAIL)
  },
  'a-question-is-answered': async (s) => {
    const { run_id, call } = await s.waits(ASK)
    await s.decide(call, { payload: { result: { choice: 'the blue one' } } })
    await s.ends(run_id)
  },
  'several-tickets-in-any-order': async (s) => {
    const run_id = await s.say([EMAIL, ASK, EMAIL, '/tool get_weather {"city":"Oslo"}'].join('\n'))
    const [first = '', second = '', third = ''] = await s.tickets(run_id, 3)
    await s.decide(third)
    await s.decide(second, { payload: { result: 'yes' } })
    await s.decide(first, { action: 'cancel' })
    await s.ends(run_id)
  },
  'a-decision-at-the-gate': async (s) => {
    const run_id = await s.busy(`/tool gate {}\n${EMAIL}`)
    await s.logged('ToolPermissionRequested')
    const log = await s.engine.log(s.thread)
    const ticket = log.find(({ kind }) => kind === 'ToolPermissionRequested')?.payload['ticket'] as { tool_call_id: string }
    await s.decide(ticket.tool_call_id)
    s.open()
    await s.ends(run_id)
  },
  'a-ticket-expires': async (s) => {
    await s.run('/tool expiring {}')
    await s.logged('ToolPermissionExpired')
  },
  'a-question-expires-beside-a-ticket': async (s) => {
    const run_id = await s.say(`/tool expiring_question {}\n${EMAIL}`)
    await s.logged('ToolPermissionExpired')
    const [call = ''] = await s.tickets(run_id)
    await s.decide(call)
    await s.ends(run_id)
  },
  'decided-twice': async (s) => {
    const { run_id, call } = await s.waits()
    const decision = { type: 'decision', action: 'resume', tool_call_id: call } as const
    await s.send({ ...decision, decision_id: 'd1' })
    await s.send({ ...decision, decision_id: 'd1' })
    await s.refused('already_decided', { ...decision, action: 'cancel', decision_id: 'd2' })
    await s.ends(run_id)
  },
  'decisions-on-nothing': async (s) => {
    const { run_id, call } = await s.waits()
    await s.refused('ticket_not_found', { type: 'decision', action: 'resume', tool_call_id: 'no-such-call' })
    await s.decide(call)
    await s.ends(run_id)
  },
  'decided-by-signal': async (s) => {
    const { run_id, call } = await s.waits()
    await s.handle.signal('decision', { tool_call_id: 'no-such-call', action: 'resume' })
    await s.handle.signal('decision', { tool_call_id: call, action: 'resume', by: { name: 'the CLI' } })
    await s.ends(run_id)
    await s.logged('CommandRejected')
  },
}

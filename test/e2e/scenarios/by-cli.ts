import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { eventually } from '../../support/engine.ts'
import type { Weft } from '../support/weft.ts'
import type { Command } from './story.ts'
import { bodyOf, type Way } from './way.ts'

/** Signals from the command line. What needs a revision asks the thread's queries for it. */
export const byCli: Way = {
  name: 'by signals from the command line',
  origin: 'signal',
  async begin(weft, thread, first) {
    const signal = ['--signal-name', 'submit', '--signal-input', JSON.stringify(bodyOf(first))]
    const workflow = ['--workflow-id', `default/${thread}`, '--type', 'thread', '--task-queue', 'weft']
    await weft.cli('workflow', 'signal-with-start', ...workflow, ...signal)
  },
  async send(weft, thread, command) {
    if (command.do === 'decide') {
      await asPrinted(weft, thread, command)
      return
    }
    const [name, input] = await signalOf(weft, thread, command)
    const args = ['--workflow-id', `default/${thread}`, '--name', name, '--input', JSON.stringify(input)]
    await weft.cli('workflow', 'signal', ...args)
  },
}

type Deciding = Extract<Command, { do: 'decide' }>

async function signalOf(weft: Weft, thread: string, command: Exclude<Command, Deciding>): Promise<[name: string, input: object]> {
  switch (command.do) {
    case 'submit':
      return ['submit', bodyOf(command)]
    case 'edit': {
      const { id: pending_id, text: content } = command
      const { revision: expected_revision } = await entryOf(weft, thread, pending_id)
      return ['edit_pending', { pending_id, message: { content }, expected_revision }]
    }
    case 'retract': {
      const { pending_id, revision: expected_revision } = await entryOf(weft, thread, command.id)
      return ['retract_pending', { pending_id, expected_revision }]
    }
    case 'reorder': {
      const { queue_revision: expected_queue_revision } = await pendingOf(weft, thread)
      return ['reorder_pending', { pending_ids: command.ids, expected_queue_revision }]
    }
    case 'hold':
    case 'release':
      return [`${command.do}_pending`, { pending_id: command.id }]
    case 'interrupt':
      return ['interrupt', { queue: command.queue }]
    case 'resume_queue':
      return ['resume_queue', {}]
  }
}

type Queue = { items: { pending_id: string; revision: number }[]; queue_revision: number }

async function pendingOf(weft: Weft, thread: string): Promise<Queue> {
  const query = ['--workflow-id', `default/${thread}`, '--name', 'pending']
  const answer = await weft.cli('workflow', 'query', ...query, '--output', 'json')
  return JSON.parse(answer).queryResult[0]
}

async function entryOf(weft: Weft, thread: string, id: string): Promise<Queue['items'][number]> {
  const entry = (await pendingOf(weft, thread)).items.find(({ pending_id }) => pending_id === id)
  if (entry === undefined) throw new Error(`"${id}" is not in the queue`)
  return entry
}

/** Runs the very command that the thread's details in the Temporal UI print for this ticket; a reason is written into it. */
async function asPrinted(weft: Weft, thread: string, { about, action, reason }: Deciding): Promise<void> {
  const command = await eventually(async () => {
    const answer = await weft.cli('workflow', 'metadata', '--workflow-id', `default/${thread}`, '--output', 'json')
    const tickets = (JSON.parse(answer).queryResult[0].currentDetails as string).split('Waits for a decision').slice(1)
    const ticket = tickets.find((text) => text.includes(about))
    return ticket?.split('\n').find((line) => line.includes('workflow signal') && line.includes(`"action":"${action}"`))
  })
  const given = reason === undefined ? command : command.replace(/\}'$/, `,"reason":${JSON.stringify(reason)}}'`)
  await promisify(execFile)('sh', ['-c', given], { timeout: 20_000 })
}

import { expect, test } from 'vitest'
import { receive } from '../../src/thread/receive.ts'
import { detailsView } from '../../src/thread/view.ts'
import { emptyThread } from '../../src/thread/state-init.ts'
import { Given } from './given.ts'

/** The commands among the details, as a shell would get them. */
const commands = (thread: Given): string[] =>
  [...detailsView(thread.state).matchAll(/^```sh\n(.*)\n```$/gm)].map(([, command]) => command ?? '')

/** Name and input of a printed signal. */
function signalOf(command: string): [string, unknown] {
  const [, name, input] = /--(?:signal-)?name (\w+) --(?:signal-)?input '(.*)'$/.exec(command) ?? []
  return [name ?? '', JSON.parse(input ?? '')]
}

test('the details of any thread print a command that also starts it', () => {
  const command = commands(new Given()).at(-1) ?? ''
  expect(command).toContain("workflow signal-with-start --workflow-id 'default/t1' --type ")
  const [name, input] = signalOf(command)
  const fresh = emptyThread('default', 't1', new Given().state.settings)
  expect(receive(fresh, name, input, 'signal', new Given().context()).answer).toMatchObject({ ok: true })
})

test('the details of a parked queue print the command that lets it go on', () => {
  const thread = new Given()
  thread.say('running')
  thread.say('waiting')
  expect(commands(thread)).toHaveLength(1)
  thread.when({ type: 'interrupt', mode: 'graceful', queue: 'park' })
  expect(thread.state.parked).toBe(true)
  const [name, input] = signalOf(commands(thread)[0] ?? '')
  const { state, answer } = receive(thread.state, name, input, 'signal', thread.context())
  expect(answer).toMatchObject({ ok: true })
  expect(state.parked).toBe(false)
})

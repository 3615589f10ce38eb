import { TO_THE_GATE } from '../support/gate.ts'
import { atTheGate, edit, openTheGate, submit, until, type Story } from './story.ts'

/**
 * While the first run is busy I queue three messages, and think better of the second one. The next run reads all three
 * in their order, the second as I want it now; the runs that had been allocated for the others end in that one.
 */
export const queueAndEdit: Story = {
  name: 'queue three messages and edit the second',
  steps: [
    submit('start', TO_THE_GATE),
    atTheGate(),
    submit('one', 'buy milk'),
    submit('two', 'buy ten eggs'),
    submit('three', 'and call me'),
    edit('two', 'buy six eggs'),
    openTheGate(),
    until('r2 RunFinished'),
  ],
  log: [
    'r1 RunQueued',
    'r1 RunStarted',
    'r1 MessageCommitted #1 start user read in step 1: /tool gate {}',
    'r1 ThreadMessagesCheckpointed start',
    'r1 InferenceCompleted of step 1',
    'r1 MessageCommitted #2 m1 assistant of step 1: calls c1',
    'r1 ThreadMessagesCheckpointed m1',
    'r1 ToolCallReady c1 in step 1: gate {}',
    'r2 RunQueued',
    'r2 PendingDelivered one new_run: buy milk',
    'r3 RunQueued',
    'r3 PendingDelivered two new_run: buy ten eggs',
    'r4 RunQueued',
    'r4 PendingDelivered three new_run: and call me',
    'r3 PendingEdited two to revision 2 edited: buy six eggs',
    'r1 ToolCallDone c1 succeeded: {"passed":true}',
    'r1 MessageCommitted #3 m2 tool of step 1: success of c1',
    'r1 ThreadMessagesCheckpointed m2',
    'r1 InferenceCompleted of step 2',
    'r1 MessageCommitted #4 m3 assistant of step 2: gate returned: {"passed":true}',
    'r1 ThreadMessagesCheckpointed m3',
    'r1 RunFinished natural_end: gate returned: {"passed":true}',
    'r2 RunStarted',
    'r2 MessageCommitted #5 one user read in step 1: buy milk',
    'r2 MessageCommitted #6 two user read in step 1: buy six eggs',
    'r2 MessageCommitted #7 three user read in step 1: and call me',
    'r2 ThreadMessagesCheckpointed one, two, three',
    'r3 RunFinished coalesced into r2',
    'r4 RunFinished coalesced into r2',
    'r2 InferenceCompleted of step 1',
    'r2 MessageCommitted #8 m4 assistant of step 1: You said: and call me',
    'r2 ThreadMessagesCheckpointed m4',
    'r2 RunFinished natural_end: You said: and call me',
  ],
}

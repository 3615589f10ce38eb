import { TO_THE_GATE } from '../support/gate.ts'
import { atTheGate, edit, hold, openTheGate, release, submit, until, type Story } from './story.ts'

/**
 * I am still typing when the run before ends. Because I hold my message, no run starts with half of it, nor with what
 * stands behind it. When I have finished I put the whole text in and let it go.
 */
export const holdWhileTyping: Story = {
  name: 'hold a message while typing',
  steps: [
    submit('start', TO_THE_GATE),
    atTheGate(),
    submit('draft', 'Dear Ada, I'),
    hold('draft'),
    submit('behind', 'translate it'),
    edit('draft', 'Dear Ada, I am'),
    openTheGate(),
    until('r1 RunFinished'),
    edit('draft', 'Dear Ada, I am fine.'),
    release('draft'),
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
    'r2 PendingDelivered draft new_run: Dear Ada, I',
    'r2 PendingHeld draft',
    'r3 RunQueued',
    'r3 PendingDelivered behind new_run: translate it',
    'r2 PendingEdited draft to revision 2 edited: Dear Ada, I am',
    'r1 ToolCallDone c1 succeeded: {"passed":true}',
    'r1 MessageCommitted #3 m2 tool of step 1: success of c1',
    'r1 ThreadMessagesCheckpointed m2',
    'r1 InferenceCompleted of step 2',
    'r1 MessageCommitted #4 m3 assistant of step 2: gate returned: {"passed":true}',
    'r1 ThreadMessagesCheckpointed m3',
    'r1 RunFinished natural_end: gate returned: {"passed":true}',
    'r2 PendingEdited draft to revision 3 edited: Dear Ada, I am fine.',
    'r2 PendingReleased draft released',
    'r2 RunStarted',
    'r2 MessageCommitted #5 draft user read in step 1: Dear Ada, I am fine.',
    'r2 MessageCommitted #6 behind user read in step 1: translate it',
    'r2 ThreadMessagesCheckpointed draft, behind',
    'r3 RunFinished coalesced into r2',
    'r2 InferenceCompleted of step 1',
    'r2 MessageCommitted #7 m4 assistant of step 1: You said: translate it',
    'r2 ThreadMessagesCheckpointed m4',
    'r2 RunFinished natural_end: You said: translate it',
  ],
}

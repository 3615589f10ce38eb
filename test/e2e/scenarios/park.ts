import { park, reorder, resumeQueue, retract, speaking, submit, until, type Story } from './story.ts'

/**
 * I stop the run and park what is queued. Nothing starts while I tidy up: one message is taken back, the others change
 * places. Then the queue goes on in its new order.
 */
export const parkAndResume: Story = {
  name: 'park the queue and resume it',
  steps: [
    submit('start', '/slow 600000\nfor a long time'),
    submit('first', 'paint the wall'),
    submit('second', 'buy paint'),
    submit('third', 'forget the wall'),
    speaking(),
    park(),
    until('r1 RunFinished'),
    retract('third'),
    reorder('second', 'first'),
    resumeQueue(),
    until('r3 RunFinished'),
  ],
  log: [
    'r1 RunQueued',
    'r1 RunStarted',
    'r1 MessageCommitted #1 start user read in step 1: /slow 600000 | for a long time',
    'r1 ThreadMessagesCheckpointed start',
    'r2 RunQueued',
    'r2 PendingDelivered first new_run: paint the wall',
    'r3 RunQueued',
    'r3 PendingDelivered second new_run: buy paint',
    'r4 RunQueued',
    'r4 PendingDelivered third new_run: forget the wall',
    '-- QueueParked with 3',
    'r1 RunInterrupted interrupted',
    'r1 MessageCommitted #2 m1 assistant of step 1 interrupted: You',
    'r1 ThreadMessagesCheckpointed m1',
    'r1 RunFinished cancelled',
    'r4 PendingRetracted third',
    'r4 RunFinished cancelled',
    '-- PendingReordered second, first',
    '-- QueueResumed with 2',
    'r3 RunStarted',
    'r3 MessageCommitted #3 second user read in step 1: buy paint',
    'r3 MessageCommitted #4 first user read in step 1: paint the wall',
    'r3 ThreadMessagesCheckpointed second, first',
    'r2 RunFinished coalesced into r3',
    'r3 InferenceCompleted of step 1',
    'r3 MessageCommitted #5 m2 assistant of step 1: You said: paint the wall',
    'r3 ThreadMessagesCheckpointed m2',
    'r3 RunFinished natural_end: You said: paint the wall',
  ],
}

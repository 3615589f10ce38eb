import { approve, deny, submit, until, type Story } from './story.ts'

const emailTo = (to: string): string => `/tool send_email {"to":"${to}","subject":"Hello"}`

/**
 * The model wants to send three e-mails at once. I let two go, one after the other, and refuse the third with a reason.
 * Each is sent as soon as I have said so; the model goes on when all three have their answer, and knows what I said.
 */
export const approveTwoOfThree: Story = {
  name: 'approve two tools of three, deny one',
  steps: [
    submit('ask', [emailTo('ada'), emailTo('bob'), emailTo('eve')].join('\n')),
    until('r1 RunWaiting for c1, c2, c3'),
    approve('bob'),
    until('r1 RunWaiting for c1, c3'),
    approve('ada'),
    until('r1 RunWaiting for c3'),
    deny('eve', 'not to strangers'),
    until('r1 RunFinished'),
  ],
  log: [
    'r1 RunQueued',
    'r1 RunStarted',
    'r1 MessageCommitted #1 ask user read in step 1: /tool send_email {"to":"ada","subject":"Hello"} | /tool send_email {"to":"bob","subject":"Hello"} | /tool send_email {"to":"eve","subject":"Hello"}',
    'r1 ThreadMessagesCheckpointed ask',
    'r1 InferenceCompleted of step 1',
    'r1 MessageCommitted #2 m1 assistant of step 1: calls c1 + calls c2 + calls c3',
    'r1 ThreadMessagesCheckpointed m1',
    'r1 ToolCallReady c1 in step 1: send_email {"to":"ada","subject":"Hello"}',
    'r1 ToolPermissionRequested c1',
    'r1 ToolCallReady c2 in step 1: send_email {"to":"bob","subject":"Hello"}',
    'r1 ToolPermissionRequested c2',
    'r1 ToolCallReady c3 in step 1: send_email {"to":"eve","subject":"Hello"}',
    'r1 ToolPermissionRequested c3',
    'r1 RunWaiting for c1, c2, c3',
    'r1 MailboxDecisionReceived c2 resume',
    'r1 ToolPermissionResolved c2 approved',
    'r1 RunResumed by decision',
    'r1 ToolCallDone c2 succeeded: {"sent":true,"to":"bob","subject":"Hello"}',
    'r1 MessageCommitted #3 m2 tool of step 1: success of c2',
    'r1 ThreadMessagesCheckpointed m2',
    'r1 RunWaiting for c1, c3',
    'r1 MailboxDecisionReceived c1 resume',
    'r1 ToolPermissionResolved c1 approved',
    'r1 RunResumed by decision',
    'r1 ToolCallDone c1 succeeded: {"sent":true,"to":"ada","subject":"Hello"}',
    'r1 MessageCommitted #4 m3 tool of step 1: success of c1',
    'r1 ThreadMessagesCheckpointed m3',
    'r1 RunWaiting for c3',
    'r1 MailboxDecisionReceived c3 cancel',
    'r1 ToolPermissionResolved c3 denied: not to strangers',
    'r1 RunResumed by decision',
    'r1 ToolCallDone c3 failed: {"denied":true,"reason":"not to strangers"}',
    'r1 MessageCommitted #5 m4 tool of step 1: error of c3',
    'r1 ThreadMessagesCheckpointed m4',
    'r1 InferenceCompleted of step 2',
    'r1 MessageCommitted #6 m5 assistant of step 2: send_email returned: {"sent":true,"to":"ada","subject":"Hello"} | send_email returned: {"sent":true,"to":"bob","subject":"Hello"} | send_email failed: {"message":"denied: not to strangers","data":{"denied":true,"reason":"not to strangers"}}',
    'r1 ThreadMessagesCheckpointed m5',
    'r1 RunFinished natural_end: send_email returned: {"sent":true,"to":"ada","subject":"Hello"} | send_email returned: {"sent":true,"to":"bob","subject":"Hello"} | send_email failed: {"message":"denied: not to strangers","data":{"denied":true,"reason":"not to strangers"}}',
  ],
}

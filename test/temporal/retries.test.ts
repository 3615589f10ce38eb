import { expect, test } from 'vitest'
import { retriesOfCalls, sentOnce } from '../../src/temporal/retries.ts'

type Interceptor = ReturnType<typeof retriesOfCalls>[number]

/** Whether a call of this method goes out as it is, with nothing between that could send it again. */
function isLeftAlone(method: string): boolean {
  const [intercept] = retriesOfCalls()
  const call = {} as ReturnType<Parameters<Interceptor>[1]>
  const options = { method_definition: { path: `/temporal.api.workflowservice.v1.WorkflowService/${method}` } }
  return Object.is(
    intercept?.(options as Parameters<Interceptor>[0], () => call),
    call,
  )
}

test('a command is not sent again behind the gateway’s back, which would wait for seconds after one "busy"', () => {
  expect(isLeftAlone('ExecuteMultiOperation')).toBe(true)
})

test('so is what the gateway sends once', async () => {
  expect(await sentOnce(() => Promise.resolve(isLeftAlone('StartWorkflowExecution')))).toBe(true)
  expect(isLeftAlone('StartWorkflowExecution')).toBe(false)
})

test('everything else is repeated by the SDK', () => {
  for (const method of ['SignalWithStartWorkflowExecution', 'QueryWorkflow', 'DescribeWorkflowExecution'])
    expect(isLeftAlone(method), method).toBe(false)
})

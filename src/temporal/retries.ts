import { AsyncLocalStorage } from 'node:async_hooks'
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor, type ConnectionOptions } from '@temporalio/client'

type Interceptors = NonNullable<ConnectionOptions['interceptors']>

/** The call that a command travels by. */
const COMMAND = '/ExecuteMultiOperation'

const once = new AsyncLocalStorage<true>()

/** What is called within `work` is not sent again by the SDK either: by the gateway, if at all. */
export function sentOnce<T>(work: () => Promise<T>): Promise<T> {
  return once.run(true, work)
}

/**
 * For the connection that the gateway sends over. The SDK sends a call again by itself, and waits 1.7 s and then 2.9 s
 * after the answer "busy", which is what a thread says while it hands over: the next execution is there some
 * milliseconds later. So commands are left to the gateway, which knows how long it may take and begins with 20 ms;
 * everything else is repeated as the SDK does.
 */
export function retriesOfCalls(): Interceptors {
  const retry = makeGrpcRetryInterceptor(defaultGrpcRetryOptions())
  return [
    (options, nextCall) =>
      once.getStore() === true || options.method_definition.path.endsWith(COMMAND)
        ? // What the SDK's types call narrower than what its own interceptor is given.
          (nextCall(options) as ReturnType<typeof retry>)
        : retry(options, nextCall),
  ]
}

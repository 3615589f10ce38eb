/**
 * Loaded before any workflow. The SDK notes a stack trace, with its source map looked up frame by frame, for every
 * promise that a workflow makes: a third of what workflow code costs. Left out of the bundle that LOG_LEVEL=debug gets.
 */
Object.assign(Error, { stackTraceLimit: 0 })
export {}

import { DefaultLogger, Runtime } from '@temporalio/worker'

// A worker's states are no news in a test's output.
try {
  Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('WARN') })
} catch {
  // The test file before this one ran in the same process and has installed it.
}

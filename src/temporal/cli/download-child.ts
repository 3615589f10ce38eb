import { TestWorkflowEnvironment } from '@temporalio/testing'
import { CLI_VERSION } from './cache.ts'

// Run as a child: makes the SDK download the CLI into the directory given, and leaves. A parent that is gone closes
// the channel, and there is nobody to download for.
process.once('disconnect', () => process.exit(1))
const [downloadDir] = process.argv.slice(2)
if (downloadDir === undefined) process.exit(2)
const environment = await TestWorkflowEnvironment.createLocal({
  server: { executable: { type: 'cached-download', downloadDir, version: CLI_VERSION } },
})
await environment.teardown()
process.exit(0)

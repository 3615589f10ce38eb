import { Command } from 'commander'
import { apiAddress } from '../config.ts'
import { CallFailed } from './api.ts'
import { SUBCOMMANDS } from './commands/index.ts'

/** `weft <subcommand>`: talks to the running service over HTTP, so it needs no access to the store or to Temporal. */
const program = new Command('weft')
  .description('Speaks to a running Weft service.')
  .option('--api <address>', 'where the service listens (WEFT_API)', apiAddress())
for (const add of SUBCOMMANDS) add(program)

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${error instanceof CallFailed ? error.message : String(error)}\n`)
  process.exitCode = 2
}
// The bootstrap script's channel would keep the process alive.
if (process.connected) process.disconnect()

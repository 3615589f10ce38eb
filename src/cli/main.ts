import { Command } from 'commander'
import { apiAddress } from '../config.ts'
import { CallFailed } from './api.ts'
import { SUBCOMMANDS } from './commands/index.ts'
import type { CliIo } from './io.ts'

/** `weft <subcommand>`: talks to the running service over HTTP, so it needs no access to the store or to Temporal. */
const program = new Command('weft')
  .description('Speaks to a running Weft service.')
  .option('--api <address>', 'where the service listens (WEFT_API)', apiAddress())
const io: CliIo = {
  out: process.stdout,
  err: process.stderr,
  url: () => program.opts<{ api: string }>().api.replace(/\/+$/, ''),
  exit: (code) => {
    process.exitCode = code
  },
}
for (const add of SUBCOMMANDS) add(program, io)

try {
  await program.parseAsync()
} catch (error) {
  io.err.write(`${error instanceof CallFailed ? error.message : String(error)}\n`)
  io.exit(2)
}
// The bootstrap script's channel would keep the process alive.
if (process.connected) process.disconnect()

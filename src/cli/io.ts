import type { Writable } from 'node:stream'

/** What a subcommand has of the world. `url`: where the service is, without a slash at the end. */
export type CliIo = {
  out: Writable
  err: Writable
  url: () => string
  /** Further request headers, an API key for one. */
  headers?: () => Record<string, string>
  /** Sets what the process will end with. */
  exit: (code: number) => void
}

import { join } from 'node:path'

/** Later tags of the CLI carry a replace directive, which `go install` refuses. */
export const CLI_VERSION = 'v1.5.1'

export const EXECUTABLE_SUFFIX = process.platform === 'win32' ? '.exe' : ''

/** Where the CLI is kept once it was obtained; the file need not exist. */
export function cachedCli(cacheDir: string): string {
  return join(cacheDir, 'temporal-cli', CLI_VERSION, `temporal${EXECUTABLE_SUFFIX}`)
}

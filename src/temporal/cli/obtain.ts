import { StartError } from '../../start-error.ts'
import { CLI_VERSION, cachedCli } from './cache.ts'
import { downloadCli } from './download.ts'
import { installWithGo } from './go-install.ts'
import { withFileLock } from './file-lock.ts'
import { findOnPath, worksAsCli } from './search-path.ts'

export type CliSearch = {
  /** Directories to look in for programs, in order. */
  searchPath: string[]
  /** Where obtained programs are kept, outside any checkout. */
  cacheDir: string
  /** Word of what takes long, one sentence each. */
  report?: (sentence: string) => void
  signal?: AbortSignal
}

/** The path of a Temporal CLI that is on this machine already (search path, then cache), or null. */
export async function findTemporalCli({ searchPath, cacheDir }: CliSearch): Promise<string | null> {
  for (const path of findOnPath('temporal', searchPath)) {
    if (await worksAsCli(path)) return path
  }
  const cached = cachedCli(cacheDir)
  return (await worksAsCli(cached)) ? cached : null
}

/**
 * The path of a Temporal CLI: one that is here already, else downloaded as the SDK does it, else built with Go (two
 * minutes, once). Where several processes ask at once, one works and the others wait. Throws `StartError` that names
 * the ways out.
 */
export async function obtainTemporalCli(search: CliSearch): Promise<string> {
  const { searchPath, cacheDir, report = () => {}, signal } = search
  const found = await findTemporalCli(search)
  if (found !== null) return found
  const target = cachedCli(cacheDir)
  const waiting = () => report('Waiting for another process that is obtaining the Temporal CLI…')
  return withFileLock(`${target}.lock`, { waiting, signal }, async () => {
    if (await worksAsCli(target)) return target
    if (await downloadCli({ target, report, signal })) return target
    signal?.throwIfAborted()
    const [go] = findOnPath('go', searchPath)
    if (go !== undefined && (await installWithGo({ go, target, report, signal }))) return target
    signal?.throwIfAborted()
    throw new StartError(
      `The Temporal CLI is missing and could be neither downloaded nor built: install it so that \`temporal\` is on PATH (https://docs.temporal.io/cli), ` +
        `or install Go and run \`go install github.com/temporalio/cli/cmd/temporal@${CLI_VERSION}\`, or set TEMPORAL_ADDRESS to a running Temporal server.`,
    )
  })
}

import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { findTemporalCli, obtainTemporalCli } from '../temporal/cli/obtain.ts'
import { startEmbeddedTemporal } from '../temporal/embedded/embedded.ts'

/** The Temporal server that this process uses, its own or somebody else's. */
export type TemporalService = {
  /** `host:port` */
  address: string
  uiAddress: string | null
  /** Path of the `temporal` program, where there is one. */
  cli: string | null
  embedded: boolean
  stop(): Promise<void>
}

/** Finds or starts the server. `onGone` hears of an embedded one that died for good. Throws `StartError`. */
export async function startTemporalService(
  config: Config,
  logger: Logger,
  signal: AbortSignal,
  onGone: (error: Error) => void,
): Promise<TemporalService> {
  const report = (sentence: string) => logger.info(sentence)
  const search = { searchPath: config.searchPath, cacheDir: config.cacheDir, report, signal }
  const { address, namespace, embedded } = config.temporal
  if (address !== null) {
    return { address, uiAddress: null, cli: await findTemporalCli(search), embedded: false, stop: () => Promise.resolve() }
  }
  const cli = await obtainTemporalCli(search)
  const server = await startEmbeddedTemporal({
    cli,
    dataDir: config.dataDir,
    ...embedded,
    namespace,
    report: (sentence) => logger.warn(sentence),
    onGone,
    signal,
  })
  return { address: server.address, uiAddress: server.uiAddress, cli, embedded: true, stop: () => server.stop() }
}

/**
 * The beginning of a command that reaches this server, for people to paste into a shell. By environment, because
 * the program takes its address only behind a subcommand.
 */
export function cliPrefix({ address, cli }: TemporalService, namespace: string, searchPath: string[]): string {
  const onPath =
    cli === null || searchPath.some((directory) => cli.startsWith(directory) && !/[\\/]./.test(cli.slice(directory.length + 1)))
  const settings = [
    ...(address === DEFAULT_ADDRESS ? [] : [`TEMPORAL_ADDRESS=${address}`]),
    ...(namespace === 'default' ? [] : [`TEMPORAL_NAMESPACE=${namespace}`]),
  ]
  return [...settings, onPath ? 'temporal' : cli].join(' ')
}

const DEFAULT_ADDRESS = '127.0.0.1:7233'

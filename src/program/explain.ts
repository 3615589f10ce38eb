/** Errors whose message was written for the person who starts the program. */
const EXPLAINED = new Set(['ConfigError', 'StartError', 'AgentConfigError', 'DataDirInUse', 'StoreBroken', 'StoreUnavailable'])

/** Why the program could not start, without a stack. An error that nobody foresaw keeps it, for whoever reports it. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return `Weft could not start: ${String(error)}`
  return EXPLAINED.has(error.name) ? error.message : `Weft could not start: ${error.stack ?? error.message}`
}

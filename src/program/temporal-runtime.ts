import { Runtime } from '@temporalio/worker'
import type { Logger } from 'pino'

/**
 * Installs the SDK's runtime, once a process and before anything else of the SDK: its logs go to our logger, and
 * signals are ours, because the worker must not stop before the HTTP server has.
 */
export function installTemporalRuntime(logger: Logger): void {
  const say = (level: 'trace' | 'debug' | 'info' | 'warn' | 'error') => (message: string, meta?: object) =>
    logger[level]({ component: 'temporal', ...facts(meta) }, message)
  Runtime.install({
    shutdownSignals: [],
    logger: {
      log: (level, message, meta) => say(level === 'TRACE' || level === 'DEBUG' ? 'debug' : QUIETER[level])(message, meta),
      trace: say('trace'),
      debug: say('debug'),
      // What the SDK finds informative (each worker state, each poller) tells an operator of Weft nothing.
      info: say('debug'),
      warn: say('warn'),
      error: say('error'),
    },
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
  })
}

const QUIETER = { INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const

/** Only what fits a line: the SDK's metadata carries symbols and big integers. */
function facts(meta: object | undefined): object {
  const entries = Object.entries(meta ?? {}).filter(
    ([, value]) => value instanceof Error || ['string', 'number', 'boolean'].includes(typeof value),
  )
  return Object.fromEntries(entries.map(([key, value]) => [key, value instanceof Error ? value.message : value]))
}

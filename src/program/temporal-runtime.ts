import { Runtime, type RuntimeOptions } from '@temporalio/worker'
import type { Logger } from 'pino'
import { freePort } from '../temporal/embedded/ports.ts'

/**
 * Installs the SDK's runtime, once a process and before anything else of the SDK: its logs go to our logger, and
 * signals are ours, because the worker must not stop before the HTTP server has. With `measure` it counts what its
 * workers do; what comes back gives the page of its figures (null where there is none).
 */
export async function installTemporalRuntime(logger: Logger, measure: boolean): Promise<TemporalFigures | null> {
  if (!measure) {
    Runtime.install(runtimeOptions(logger))
    return null
  }
  for (let tries = 0; ; tries += 1) {
    // The SDK shows its figures only at an address of their own. Nobody but this process reads there.
    const bindAddress = `127.0.0.1:${String(await freePort())}`
    try {
      Runtime.install(runtimeOptions(logger, bindAddress))
      return async () => (await fetch(`http://${bindAddress}/metrics`, { signal: AbortSignal.timeout(PAGE_WAIT_MS) })).text()
    } catch (error) {
      // Somebody else may have taken the port meanwhile.
      if (tries === MAX_TRIES) throw error
    }
  }
}

/** Gives the page of the SDK's own figures, in Prometheus's text format. */
export type TemporalFigures = () => Promise<string>
const PAGE_WAIT_MS = 1_000
const MAX_TRIES = 5

function runtimeOptions(logger: Logger, bindAddress?: string): RuntimeOptions {
  const say = (level: 'trace' | 'debug' | 'info' | 'warn' | 'error') => (message: string, meta?: object) =>
    logger[level]({ component: 'temporal', ...facts(meta) }, message)
  return {
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
    telemetryOptions: {
      logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
      ...(bindAddress === undefined
        ? {}
        : {
            metrics: { prometheus: { bindAddress, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true } },
          }),
    },
  }
}

const QUIETER = { INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const

/** Only what fits a line: the SDK's metadata carries symbols and big integers. */
function facts(meta: object | undefined): object {
  const entries = Object.entries(meta ?? {}).filter(
    ([, value]) => value instanceof Error || ['string', 'number', 'boolean'].includes(typeof value),
  )
  return Object.fromEntries(entries.map(([key, value]) => [key, value instanceof Error ? value.message : value]))
}

import { Command } from 'commander'
import { loadConfig } from './config.ts'
import { banner } from './program/banner.ts'
import { explain } from './program/explain.ts'
import { createLogger, secretsOf } from './program/logger.ts'
import { startProgram, type Program } from './program/start.ts'
import { installTemporalRuntime } from './program/temporal-runtime.ts'
import { VERSION } from './program/version.ts'

/** On top of the time that the configuration gives to leave and to drain. */
const FORCED_EXIT_MS = 10_000

const command = new Command('weft')
  .description('Durable agent threads on Temporal. Settings come from the environment and .env; see .env.example.')
  .version(VERSION)
  .option('--json', 'print one line of JSON with the addresses once everything is healthy, instead of the banner')
  .action((options: { json?: boolean }) => main(options.json === true))
await command.parseAsync()

/** Runs until a signal, a lost parent or a failure, then exits: 0 after a signal, 1 after a failure. */
async function main(json: boolean): Promise<void> {
  const giveUp = new AbortController()
  let program: Program | undefined
  let leaving = false
  let exitCode = 0
  let patience = FORCED_EXIT_MS

  /** Every reason to leave comes here; only the first counts, since a Ctrl-C may arrive more than once. */
  const leave = (code: number): void => {
    if (leaving) return
    leaving = true
    exitCode = code
    setTimeout(() => process.exit(exitCode), patience).unref()
    giveUp.abort(new Error('The start was cancelled.'))
    void program?.stop().then(() => process.exit(exitCode))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => leave(0))
  // The bootstrap script holds the other end; it is gone even if it was killed.
  if (process.connected) process.on('disconnect', () => leave(0))

  try {
    const config = loadConfig()
    patience += config.leaveMs + config.drainMs
    const logger = createLogger(config.logLevel, process.stderr.isTTY, { secrets: secretsOf(config) })
    const fail = (error: unknown) => {
      logger.fatal(error instanceof Error ? error.message : String(error))
      leave(1)
    }
    process.on('uncaughtException', (error) => {
      logger.error({ err: error }, 'An error that nothing caught.')
      fail(error)
    })
    // Figures of workers are of use where there is a worker and somewhere to show them.
    const measure = config.role === 'all' || (config.role === 'worker' && config.metricsPort !== null)
    const temporalFigures = await installTemporalRuntime(logger, measure)
    program = await startProgram(config, { logger, signal: giveUp.signal, onFailure: fail, temporalFigures })
    if (leaving) return void program.stop().then(() => process.exit(exitCode))
    process.stdout.write(json ? `${JSON.stringify(program.facts)}\n` : banner(program.facts, VERSION, program.notes))
  } catch (error) {
    if (!leaving) process.stderr.write(`${explain(error)}\n`)
    process.exit(leaving ? exitCode : 1)
  }
}

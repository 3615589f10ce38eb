export type ServerArguments = {
  databaseFile: string
  port: number
  /** Null: no UI. */
  uiPort: number | null
  namespace: string
  /**
   * Whether tasks that wait are given out by turns of their fairness keys (default). On a database that has been used
   * without, the server does not find again what waited there.
   */
  fair?: boolean
}

/**
 * What makes the development server quick: by default it looks for new tasks twenty times a second in one shard,
 * spreads them over four partitions, rounds timers up to a second and admits ten updates at a time. A tuned one
 * answers ten times sooner.
 */
const DYNAMIC_CONFIG = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxTimeShift="10ms"',
  'history.maxInFlightUpdates=500',
  'history.continueAsNewMinInterval="0s"',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
  'system.enableActivityEagerExecution=true',
  'system.enableEagerWorkflowStart=true',
]

/** Each tenant's tasks have a queue of their own, and the queues take turns. */
const FAIRNESS = 'matching.enableFairness=true'

/** Close to memory's speed; a crash of the process loses nothing, a loss of power may lose the last transactions. */
const SQLITE_PRAGMAS = ['journal_mode=WAL', 'synchronous=NORMAL']

/** What operators can filter threads by. */
export const SEARCH_ATTRIBUTES = {
  WeftStatus: 'Keyword',
  WeftAgent: 'Keyword',
  WeftWaiting: 'Bool',
  WeftTenant: 'Keyword',
} as const

/** The command line of the embedded server, without the program's name. */
export function serverArguments({ databaseFile, port, uiPort, namespace, fair = true }: ServerArguments): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port)],
    ...(uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort)]),
    ...['--db-filename', databaseFile, '--log-level', 'warn'],
    ...(namespace === 'default' ? [] : ['--namespace', namespace]),
    ...SQLITE_PRAGMAS.flatMap((pragma) => ['--sqlite-pragma', pragma]),
    ...[...DYNAMIC_CONFIG, ...(fair ? [FAIRNESS] : [])].flatMap((value) => ['--dynamic-config-value', value]),
    ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ]
}

// How much Weft costs on top of Temporal: `npm run bench`, options after `--`. It starts the real program, drives it
// over HTTP, and in turn with it a bare workflow on the same Temporal server: what anyone would pay at least.
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { createBareSubjects } from './bare/subjects.ts'
import { startBareWorker } from './bare/worker.ts'
import { measure } from './measure.ts'
import { summary, table } from './report.ts'
import { checkRuns } from './weft/check-runs.ts'
import { startProgram } from './weft/program.ts'
import { createWeftSubjects } from './weft/subjects.ts'

type Options = { json?: boolean; short?: boolean; seconds?: number; profile?: string }

const SECONDS = { normal: 6, short: 0.8 }
const ROUNDS = { normal: 4, short: 2 }
const WARM_TURNS = 10
const SHOWN_PROBLEMS = 5

const command = new Command('bench')
  .description("Measures Weft's runs beside a bare workflow on the same Temporal server.")
  .option('--json', 'print all figures as one JSON object, as the last line')
  .option('--short', 'less than a minute in all, and so less certain')
  .option('--seconds <n>', 'measure each of the twelve cases for so long', seconds)
  .option('--profile <folder>', "write a CPU profile of Weft's process into this folder")
  .action(async (options: Options) => process.exit(await bench(options)))
await command.parseAsync()

/** Measures, prints and cleans up; resolves with the exit code. */
async function bench({ json = false, short = false, seconds, profile }: Options): Promise<number> {
  const leaving = new AbortController()
  const left = new Promise<never>((_, reject) => {
    leaving.signal.addEventListener('abort', () => reject(leaving.signal.reason as Error))
  })
  left.catch(() => undefined)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => leaving.abort(new Error('The measurement was cancelled.')))
  // The bootstrap script holds the other end; it is gone even if it was killed.
  if (process.connected) process.on('disconnect', () => leaving.abort(new Error('The parent process is gone.')))

  const ends: (() => Promise<void> | void)[] = []
  try {
    return await Promise.race([work(), left])
  } catch (error) {
    console.error((error as Error).message)
    return 1
  } finally {
    for (const end of ends.toReversed()) await end()
  }

  async function work(): Promise<number> {
    const kind = short ? 'short' : 'normal'
    const began = Date.now()
    const report = (line: string): void =>
      console.error(`${String(Math.round((Date.now() - began) / 1000)).padStart(3)} s  ${line}`)
    report('starting')
    const worker = startBareWorker()
    ends.push(() => worker.stop())
    const program = startProgram(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`])
    ends.push(() => program.stop())
    const { api, temporal } = await program.healthy
    await worker.serve(temporal)
    const bare = await createBareSubjects(temporal, WARM_TURNS)
    ends.push(() => bare.close())
    const weft = createWeftSubjects(api, WARM_TURNS)
    ends.push(() => weft.close())

    const measured = await measure(
      {
        bare: { new_thread: bare.fresh, warm_thread: bare.warm },
        weft: { new_thread: weft.fresh, warm_thread: weft.warm },
      },
      { seconds: seconds ?? SECONDS[kind], rounds: ROUNDS[kind], signal: leaving.signal, report },
    )
    report('asking the store for every run')
    const { stored, problems } = await checkRuns(api, weft.run_ids)
    report('done')

    console.log(`\n${table(measured)}\n`)
    console.log(`bare: one update-with-start and one activity on the plain SDK; ratio: weft / bare.`)
    console.log(`${String(stored)} of ${String(weft.run_ids.size)} runs are in the store and ended by themselves.`)
    const wrong = [...measured.failures, ...problems]
    if (wrong.length > 0) console.log(`${String(wrong.length)} went wrong:\n${wrong.slice(0, SHOWN_PROBLEMS).join('\n')}`)
    if (json) {
      const facts = { runs_checked: stored, failed: wrong.length, cpus: availableParallelism(), node: process.version }
      console.log(JSON.stringify({ ...summary(measured), ...facts }))
    }
    return wrong.length === 0 ? 0 : 1
  }
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 600)) throw new InvalidArgumentError('It must be a number of seconds from 0 to 600.')
  return value
}

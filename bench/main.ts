// How much Weft costs: `npm run bench`, options after `--`. Each part starts the real program, drives it over HTTP, and,
// where there is something to compare with, drives that in turn with it.
import { availableParallelism } from 'node:os'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Outcome, Part } from './part.ts'
import { PARTS } from './parts/index.ts'

type Options = { json?: boolean; short?: boolean; seconds?: number; profile?: string; part: string }

const SHOWN_PROBLEMS = 5

const command = new Command('bench')
  .description('Measures Weft: runs beside a bare workflow on the same Temporal server, and more by --part.')
  .option('--json', 'print all figures as one JSON object, as the last line')
  .option('--short', 'less of everything (the part "runs" in less than a minute), and so less certain')
  .option('--seconds <n>', 'measure each case for so long', seconds)
  .option('--profile <folder>', "write a CPU profile of Weft's process into this folder")
  .addOption(new Option('--part <name>', 'what to measure').choices([...PARTS.map(({ name }) => name), 'all']).default('runs'))
  .addHelpText(
    'after',
    `\nParts:\n${PARTS.map(({ name, about }) => `  ${name.padEnd(10)} ${about}`).join('\n')}\n  all        everything`,
  )
  .action(async (options: Options) => process.exit(await bench(options)))
await command.parseAsync()

/** Measures, prints and cleans up; resolves with the exit code. */
async function bench(options: Options): Promise<number> {
  const leaving = new AbortController()
  const left = new Promise<never>((_, reject) => {
    leaving.signal.addEventListener('abort', () => reject(leaving.signal.reason as Error))
  })
  left.catch(() => undefined)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => leaving.abort(new Error('The measurement was cancelled.')))
  // The bootstrap script holds the other end; it is gone even if it was killed.
  if (process.connected) process.on('disconnect', () => leaving.abort(new Error('The parent process is gone.')))

  const began = Date.now()
  const report = (line: string): void =>
    console.error(`${String(Math.round((Date.now() - began) / 1000)).padStart(3)} s  ${line}`)
  const outcomes = new Map<Part, Outcome>()
  const broken: string[] = []
  for (const part of PARTS.filter(({ name }) => options.part === 'all' || options.part === name)) {
    try {
      const outcome = await measurePart(part)
      outcomes.set(part, outcome)
      print(part, outcome)
    } catch (error) {
      console.error(`${part.name}: ${(error as Error).message}`)
      if (leaving.signal.aborted) return 1
      broken.push(part.name)
    }
  }
  const wrong = [...broken, ...[...outcomes.values()].flatMap((outcome) => outcome.wrong)]
  if (options.json === true) console.log(JSON.stringify(together(outcomes, wrong.length)))
  return wrong.length > 0 ? 1 : 0

  /** Whatever the part has begun is ended, whether or not it comes to its end. */
  async function measurePart(part: Part): Promise<Outcome> {
    const ends: (() => Promise<void> | void)[] = []
    const { short = false, seconds, profile } = options
    report(`${part.name}: starting`)
    const atEnd = (end: () => Promise<void> | void): void => void ends.push(end)
    try {
      const named = (line: string): void => report(`${part.name}: ${line}`)
      const measured = part.run({ short, seconds, profile, signal: leaving.signal, report: named, atEnd })
      measured.catch(() => undefined)
      return await Promise.race([measured, left])
    } finally {
      for (const end of ends.toReversed()) await end()
      report(`${part.name}: done`)
    }
  }
}

function print({ name, about }: Part, { table, notes, wrong }: Outcome): void {
  console.log(`\n${name}: ${about}\n\n${table}\n`)
  for (const note of notes) console.log(note)
  if (wrong.length > 0) console.log(`${String(wrong.length)} went wrong:\n${wrong.slice(0, SHOWN_PROBLEMS).join('\n')}`)
}

/** One object: all ratios, the runs' figures beside them, and under its name what each other part has found. */
function together(outcomes: ReadonlyMap<Part, Outcome>, failed: number): object {
  const ratios = Object.assign({}, ...[...outcomes.values()].map((outcome) => outcome.ratios)) as Record<string, number>
  const figures = [...outcomes].map(([part, { json }]) => (part === PARTS[0] ? json : { [part.name]: json }))
  const facts = { failed, cpus: availableParallelism(), node: process.version }
  return { ratios, ...(Object.assign({}, ...figures) as object), ...facts }
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 600)) throw new InvalidArgumentError('It must be a number of seconds from 0 to 600.')
  return value
}

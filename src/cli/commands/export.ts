import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import { Readable, type Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'

/** What a subcommand has of the world. `url`: where the service is, without a slash at the end. */
export type CliIo = {
  out: Writable
  err: Writable
  url: () => string
  /** Further request headers, an API key for one. */
  headers?: () => Record<string, string>
  /** Sets what the process will end with. */
  exit: (code: number) => void
}

const PROGRESS_MS = 1_000

/** `weft export <thread> [--out file]`: all of a thread, one JSON object a line. Ends with 1 when it could not be got whole. */
export function addExport(program: Command, io: CliIo): void {
  program
    .command('export')
    .description('write all of a thread, one JSON object a line')
    .argument('<thread>', 'id of the thread')
    .option('--out <file>', 'write to this file, which appears only once it is whole; otherwise to standard output')
    .action(async (thread: string, options: { out?: string }) => {
      try {
        const lines = await (options.out === undefined ? copy(io, thread, io.out) : toFile(io, thread, options.out))
        io.err.write(`exported ${String(lines)} lines\n`)
      } catch (error) {
        io.err.write(`weft export: ${explain(error)}\n`)
        io.exit(1)
      }
    })
}

/** Under another name until it is whole, so that nobody takes a part for the thread. */
async function toFile(io: CliIo, thread: string, path: string): Promise<number> {
  const part = `${path}.part-${String(process.pid)}`
  const file = createWriteStream(part, { flags: 'wx' })
  try {
    const lines = await copy(io, thread, file)
    file.end()
    await finished(file)
    await rename(part, path)
    return lines
  } catch (error) {
    file.destroy()
    await rm(part, { force: true })
    throw error
  }
}

/** Copies line by line, no faster than they are taken; the number of lines. Throws when the last one is missing or wrong. */
async function copy(io: CliIo, thread: string, to: Writable): Promise<number> {
  const body = await open(io, thread)
  const counted = new Map<string, number>()
  let lines = 0
  let end: { counts: Record<string, number> } | null = null
  let told = Date.now()
  const failed = new Promise<never>((_resolve, reject) => to.once('error', reject))
  failed.catch(() => undefined)
  try {
    for await (const line of createInterface({ input: body, crlfDelay: Infinity })) {
      const { type, counts } = parse(line)
      lines += 1
      if (type === 'end') end = { counts }
      else counted.set(type, (counted.get(type) ?? 0) + 1)
      if (!to.write(`${line}\n`)) await Promise.race([once(to, 'drain'), failed])
      if (Date.now() - told >= PROGRESS_MS) {
        told = Date.now()
        io.err.write(`${String(lines)} lines so far\n`)
      }
    }
  } finally {
    body.destroy()
  }
  if (end === null) throw new Error(`the export was cut off after ${String(lines)} lines; run it again`)
  for (const [name, count] of Object.entries(end.counts)) {
    const here = counted.get(SINGULAR[name] ?? name) ?? 0
    if (here !== count) throw new Error(`the export has ${String(here)} ${name} of ${String(count)}; run it again`)
  }
  return lines
}

const SINGULAR: Readonly<Record<string, string>> = { messages: 'message', runs: 'run', dispatches: 'dispatch', events: 'event' }

async function open(io: CliIo, thread: string): Promise<Readable> {
  const response = await fetch(`${io.url()}/v1/threads/${encodeURIComponent(thread)}/export`, { headers: io.headers?.() ?? {} })
  if (response.ok && response.body !== null) return Readable.fromWeb(response.body)
  const problem = (await response.json().catch(() => ({}))) as { detail?: string }
  throw new Error(problem.detail ?? `the service answered ${String(response.status)}`)
}

function parse(line: string): { type: string; counts: Record<string, number> } {
  try {
    return JSON.parse(line) as { type: string; counts: Record<string, number> }
  } catch {
    throw new Error('the export was cut off in the middle of a line; run it again')
  }
}

/** fetch hides what went wrong behind a sentence of its own. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message === 'terminated') return 'the export was cut off by the service; run it again'
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

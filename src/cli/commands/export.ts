import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'
import { CallFailed } from '../api.ts'
import type { CliIo } from '../io.ts'
import { linesOf } from '../lines.ts'

type Options = { out?: string; quiet?: boolean }
type Tell = (lines: number) => void

const FORMAT = 'weft-export/1'
const PROGRESS_MS = 1_000
/** What each count of the last line counts. */
const LINE_OF: Readonly<Record<string, string>> = { messages: 'message', runs: 'run', dispatches: 'dispatch', events: 'event' }

/** What came is not the whole thread. */
class CutOff extends Error {}

/** `weft export <thread>`: all of a thread. Exit code 0, 1 when it could not be got whole, 2 when it was refused. */
export function addExport(program: Command, io: CliIo): void {
  program
    .command('export')
    .description('write all of a thread, one JSON object a line')
    .argument('<thread>', 'id of the thread')
    .option('--out <file>', 'write to this file, which appears, or is replaced, once it is whole (default: standard output)')
    .option('--quiet', 'say nothing on standard error but what went wrong')
    .addHelpText(
      'after',
      '\nExit codes: 0 all of it is written; 1 it was cut off, run it again; 2 it was refused, or nothing answers.',
    )
    .action(async (thread: string, { out, quiet = false }: Options) => {
      const started = Date.now()
      const tell: Tell = quiet ? () => undefined : progress(io)
      try {
        const lines = await (out === undefined ? copy(io, thread, io.out, tell) : toFile(io, thread, out, tell))
        if (!quiet) io.err.write(`${String(lines)} lines in ${String(Date.now() - started)} ms\n`)
      } catch (error) {
        if (!(error instanceof CutOff)) throw error
        io.err.write(`${error.message}\n`)
        io.exit(1)
      }
    })
}

function progress(io: CliIo): Tell {
  let told = Date.now()
  return (lines) => {
    if (Date.now() - told < PROGRESS_MS) return
    told = Date.now()
    io.err.write(`${String(lines)} lines so far\n`)
  }
}

/** Under another name until it is whole, so that nobody takes a part for the thread. */
async function toFile(io: CliIo, thread: string, path: string, tell: Tell): Promise<number> {
  const part = `${path}.part-${String(process.pid)}`
  const file = createWriteStream(part, { flags: 'wx' })
  try {
    await once(file, 'open')
    const lines = await copy(io, thread, file, tell)
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

/** Copies line by line, no faster than they are taken; the number of lines. */
async function copy(io: CliIo, thread: string, to: Writable, tell: Tell): Promise<number> {
  const failed = once(to, 'error').then(([error]) => {
    const { code, message } = error as NodeJS.ErrnoException
    throw new CutOff(code === 'EPIPE' ? 'Whoever read the export has stopped.' : `The export cannot be written: ${message}`)
  })
  // It may come when nobody waits for it any more.
  failed.catch(() => undefined)
  const counted = new Map<string, number>()
  let counts: Record<string, number> | null = null
  let lines = 0
  for await (const line of linesOf(bytesOf(await open(io, thread)))) {
    const parsed = parse(line)
    if (lines === 0) checkFormat(parsed)
    if (parsed.type === 'end') counts = parsed.counts
    else counted.set(parsed.type, (counted.get(parsed.type) ?? 0) + 1)
    lines += 1
    if (!to.write(`${line}\n`)) await Promise.race([new Promise<void>((room) => to.once('drain', room)), failed])
    tell(lines)
  }
  if (counts === null) throw new CutOff(`The export was cut off after ${String(lines)} lines; run it again.`)
  for (const [name, count] of Object.entries(counts)) {
    const here = counted.get(LINE_OF[name] ?? name) ?? 0
    if (here !== count) throw new CutOff(`The export has ${String(here)} ${name} of ${String(count)}; run it again.`)
  }
  return lines
}

async function open(io: CliIo, thread: string): Promise<ReadableStream<Uint8Array>> {
  const path = `/v1/threads/${encodeURIComponent(thread)}/export`
  const response = await fetch(`${io.url()}${path}`, { headers: io.headers?.() ?? {} }).catch(() => {
    throw new CallFailed(`Nothing answers at ${io.url()}. Is the service running? Another address: --api or WEFT_API.`)
  })
  if (response.ok && response.body !== null) return response.body
  const problem = (await response.json().catch(() => null)) as { detail?: string } | null
  throw new CallFailed(problem?.detail ?? `GET ${path} was answered with ${String(response.status)}.`)
}

async function* bytesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new CutOff('The export was cut off by the service; run it again.')
      })
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

type Line = { type: string; format?: string; counts: Record<string, number> }

function parse(line: string): Line {
  try {
    return JSON.parse(line) as Line
  } catch {
    throw new CutOff('The export was cut off in the middle of a line; run it again.')
  }
}

function checkFormat({ type, format }: Line): void {
  if (type === 'thread' && format === FORMAT) return
  throw new CallFailed(`The service answers in another format than ${FORMAT}; use the weft of its version.`)
}

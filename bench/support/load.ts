import type { Subject, Turn } from './subject.ts'

/** What one subject did at one number of clients. `runs`: all that it ran, those that opened conversations too. */
export type Load = { turns: Turn[]; runs: number; failures: string[] }

/** More than this, and what is measured is something else. */
const MAX_FAILURES = 20

/**
 * So many clients at once, each taking one turn after the other for `ms`. Turns under way at the end are awaited and
 * counted. A turn that fails is not, nor a conversation that cannot be opened.
 */
export async function load(subject: Subject, clients: number, ms: number, signal: AbortSignal): Promise<Load> {
  const done: Load = { turns: [], runs: 0, failures: [] }
  const opened = await Promise.all(Array.from({ length: clients }, () => open(subject, done)))
  const deadline = performance.now() + ms
  await Promise.all(opened.map((take) => client(subject, take, deadline, signal, done)))
  return done
}

/** Null where it failed, which is noted. */
async function open(subject: Subject, done: Load): Promise<(() => Promise<Turn>) | null> {
  try {
    const take = await subject.open()
    done.runs += subject.opening
    return take
  } catch (error) {
    done.failures.push((error as Error).message)
    return null
  }
}

async function client(
  subject: Subject,
  first: (() => Promise<Turn>) | null,
  deadline: number,
  signal: AbortSignal,
  done: Load,
): Promise<void> {
  let take = first
  for (let taken = 1; ; taken++) {
    try {
      if (take !== null) {
        done.turns.push(await take())
        done.runs += 1
      }
    } catch (error) {
      done.failures.push((error as Error).message)
    }
    if (performance.now() >= deadline || done.failures.length > MAX_FAILURES) return
    signal.throwIfAborted()
    if (take === null || taken % subject.turns === 0) take = await open(subject, done)
  }
}

import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPlace, temporalPid, type Facts } from '../../test/support/program.ts'
import type { Context } from '../part.ts'
import type { Processes } from '../support/processes.ts'

/** The program takes at most ten seconds to stop. */
const STOP_MS = 12_000

export type Place = ReturnType<typeof createPlace>
export type Program = Facts & {
  /** Its own process as `worker`, and as `temporal` its embedded server where it has one. */
  processes: Processes
  /** Ends it in order; its files stay until the part has ended. */
  stop(): Promise<void>
}
export type Starting = { healthy: Promise<Program>; stop(): Promise<void> }
/** One address asks as nobody would: the limit stays on, but out of reach. */
export const UNLIMITED = { WEFT_RATE_LIMIT_PER_MINUTE: '100000000' }

type How = { env?: Record<string, string>; node_options?: string[]; place?: Place }

/** A temporary directory for programs, which goes when the part ends. */
export function newPlace(context: Context): Place {
  const place = createPlace()
  context.atEnd(() => place.clean())
  return place
}

/** Starts the real program on a place and on free ports. The caller need not stop it: it ends with the part. */
export function beginProgram(context: Context, { env = {}, node_options = [], place = newPlace(context) }: How = {}): Starting {
  const profiling = context.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(context.profile)}`]
  const through = ['--disable-warning=ExperimentalWarning', ...profiling, ...node_options]
  const { child, facts, ended } = place.start({ LOG_LEVEL: 'error', ...env }, { through })
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await Promise.race([ended, sleep(STOP_MS, undefined, { ref: false })])
  }
  context.atEnd(stop)
  const healthy = facts.then((known) => {
    const embedded = env['TEMPORAL_ADDRESS'] === undefined
    const processes = { worker: known.pid, ...(embedded ? { temporal: temporalPid(place.dataDir) } : {}) }
    return { ...known, processes, stop }
  })
  healthy.catch(() => undefined)
  return { healthy, stop }
}

export async function startProgram(context: Context, how: How = {}): Promise<Program> {
  return await beginProgram(context, how).healthy
}

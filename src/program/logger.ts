import { pino, type Logger } from 'pino'
import type { Config } from '../config.ts'

/**
 * The process's logger. It writes to standard error, because standard output belongs to `--json` and the banner:
 * plain lines for a person at a terminal, JSON lines for everything else.
 */
export function createLogger(level: Config['logLevel'], terminal: boolean): Logger {
  const base = {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  if (!terminal) return pino(base, pino.destination({ fd: 2, sync: true }))
  return pino(base, { write: (line: string) => void process.stderr.write(plain(line)) })
}

/** `10:15:02 WARN  message key=value …`. */
function plain(line: string): string {
  const { time, level, msg, ...facts } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(facts).map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return `${String(time).slice(11, 19)} ${String(level).toUpperCase().padEnd(5)} ${String(msg ?? '')}${rest.join('')}\n`
}

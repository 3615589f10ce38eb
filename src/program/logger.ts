import { unescape } from 'node:querystring'
import { pino, type Logger } from 'pino'
import type { Config } from '../config.ts'
import { currentFacts } from '../log/facts.ts'
import { errorFacts, redactor } from './redact.ts'

/**
 * The process's logger. It writes to standard error, because standard output belongs to `--json` and the banner:
 * plain lines for a person at a terminal, JSON lines for everything else. Keys, tokens and passwords are taken out of
 * every line, `secrets` among them; of errors stands there no more than `errorFacts` gives.
 */
export function createLogger(
  level: Config['logLevel'],
  terminal: boolean,
  { secrets = [], write = toStandardError() }: { secrets?: readonly (string | null)[]; write?: (text: string) => void } = {},
): Logger {
  const redact = redactor(secrets)
  const base = {
    level,
    base: undefined,
    // Of a copy, because pino writes into what it gets.
    mixin: () => ({ ...currentFacts() }),
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: errorFacts },
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(base, {
    write: (line: string) => {
      const clean = redact(line)
      write(terminal ? plain(clean) : clean)
    },
  })
}

/** At once, so that the last words of a process that ends are not lost. */
function toStandardError(): (text: string) => void {
  const out = pino.destination({ fd: 2, sync: true })
  return (text) => void out.write(text)
}

/** What of the configuration must not be told. */
export function secretsOf({ auth, providers, temporal, databaseUrl }: Config): (string | null)[] {
  const password = databaseUrl === null ? null : unescape(new URL(databaseUrl).password)
  return [auth.adminKey, providers.openai.apiKey, providers.anthropic.apiKey, temporal.apiKey, password]
}

/** `10:15:02 WARN  message key=value …`. */
function plain(line: string): string {
  const { time, level, msg, ...facts } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(facts).map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return `${String(time).slice(11, 19)} ${String(level).toUpperCase().padEnd(5)} ${String(msg ?? '')}${rest.join('')}\n`
}

/** What must not stand in a log, by its form; the keys of this process are known by their text besides. */
const FORMS: readonly [RegExp, string][] = [
  [/\bweft_([a-z2-7]{16})_[A-Za-z0-9_-]{43}/g, 'weft_$1_[redacted]'],
  [/\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, '[redacted token]'],
  [/(access_token=)[^&\s"'\\]+/gi, '$1[redacted]'],
  [/(\bbearer\s+)[^\s"'\\,]+/gi, '$1[redacted]'],
  [/\bsk-[A-Za-z0-9_-]{16,}/g, '[redacted key]'],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^:/@\s"']*:)[^@\s"'/]+@/gi, '$1[redacted]@'],
]

/** Gives texts back without keys, tokens and passwords. `secrets`: what stands in the environment. */
export function redactor(secrets: readonly (string | null)[]): (text: string) => string {
  const known = secrets
    .filter((secret): secret is string => secret !== null && secret.length >= 8)
    // As they stand in JSON.
    .flatMap((secret) => [...new Set([secret, JSON.stringify(secret).slice(1, -1)])])
  return (text) => {
    let clean = text
    for (const secret of known) clean = clean.replaceAll(secret, '[redacted]')
    for (const [form, instead] of FORMS) clean = clean.replace(form, instead)
    return clean
  }
}

const MAX_MESSAGE = 500
const MAX_CAUSES = 3

export type ErrorFacts = { type: string; message: string; code?: string; stack?: string; cause?: ErrorFacts }

/**
 * What a log says of an error: nothing but these. Errors of the database carry the statement's parameters, those of a
 * model provider the request, and with them what people wrote.
 */
export function errorFacts(error: unknown, depth = 0): ErrorFacts {
  if (!(error instanceof Error)) return { type: typeof error, message: typeof error === 'string' ? brief(error) : '' }
  const { code } = error as { code?: unknown }
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line))
  return {
    type: error.name,
    message: brief(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    ...(frames === undefined ? {} : { stack: frames.join('\n') }),
    ...(error.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: errorFacts(error.cause, depth + 1) }),
  }
}

/** Validators of the AI SDK quote what they were given, to the message's end. */
function brief(message: string): string {
  return message.replace(/\b(Value|Text|JSON): [\s\S]*/, '$1: [left out]').slice(0, MAX_MESSAGE)
}

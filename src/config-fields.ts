import { z } from 'zod'

/** The environment holds mistakes. The message has one sentence a line, each naming its variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/* What variables may hold: each says in words what it must be. */

export const text = z.string().optional()
export const whole = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .default(fallback)
    .catch(fault(`a whole number from ${min} to ${max}`))
export const port = (fallback: number) => whole(0, 65_535, fallback)
export const oneOf = <const T extends string>(values: readonly T[], fallback: NoInfer<T>) =>
  z
    .enum(values)
    .default(fallback)
    .catch(fault(`one of ${values.join(', ')}`))
export const flag = z
  .enum(['1', 'true', 'yes', 'on', '0', 'false', 'no', 'off'])
  .transform((value) => ['1', 'true', 'yes', 'on'].includes(value))
  .optional()
  .catch(fault('true or false'))
export const url = (protocols: string[]) =>
  z
    .string()
    .refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol))
    .optional()
    .catch(fault(`an address that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`, false))

export const list = (fits: (one: string) => boolean, expected: string, fallback: string[]) =>
  z
    .string()
    .transform((value) => value.split(',').map((one) => one.trim()))
    .refine((all) => all.every(fits))
    .default(fallback)
    .catch(fault(expected))

/** Names of deployments and builds, as the server puts them together: <deployment>:<build>. */
export const versionName = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/)
  .optional()
  .catch(fault('1 to 64 letters, digits, "-", "_" or ".", not beginning with "."'))

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
export const duration = z
  .string()
  .regex(/^\d{1,9}(ms|s|m|h|d)$/)
  .transform((value) => Number.parseInt(value, 10) * (UNITS[value.replace(/^\d+/, '')] ?? 1))
  .optional()
  .catch(fault('a time such as 30d, 12h, 90m, 45s or 500ms'))

/** Turns any refusal of a variable into one sentence about what it must be. Addresses may hold passwords: not shown. */
export function fault(expected: string, show = true) {
  return (context: { value: unknown }): never => {
    throw new ConfigError(`must be ${expected}${show ? `, but it is "${String(context.value)}"` : ''}.`)
  }
}

import { StoreUnavailable } from './store.ts'

/** The store cannot be opened at all; `message` is one sentence that says what to do, for the program to print. */
export class StoreBroken extends Error {
  override readonly name = 'StoreBroken'
}

/**
 * SQLSTATE classes and codes that say "not now" and nothing about the statement: connection, resources, operator and
 * system errors, a standby, a lock or serialisation failure, a statement or idle timeout.
 */
const TRANSIENT = /^(08|53|57P|58|57014|25006|25P03|25P04|40001|40P01|55P03|28)/
/** After these the server closes the connection. */
const FATAL = /^(08|57P|25P03|25P04|28)/

/** The five characters of a database's error code, if this is an error that the database itself reported. */
export function sqlState(error: unknown): string | null {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null
  // Not `EPIPE` and its like, which have five letters too: no class of SQLSTATE begins with an E.
  return typeof code === 'string' && /^[0-9FHPX][0-9A-Z]{4}$/.test(code) ? code : null
}

/** True when the connection that gave this error must not be used again. */
export function endsConnection(error: unknown): boolean {
  const state = sqlState(error)
  return state === null ? !isBug(error) : FATAL.test(state)
}

/** What a caller sees: `StoreUnavailable` for whatever may pass by itself, the error as it is for a bug. */
export function toStoreError(error: unknown): unknown {
  if (error instanceof StoreUnavailable || error instanceof StoreBroken) return error
  const state = sqlState(error)
  if (state === '3D000')
    return new StoreBroken(`The database cannot be used (${sentence(error)}): create it, or correct DATABASE_URL.`, {
      cause: error,
    })
  const transient = state === null ? !isBug(error) : TRANSIENT.test(state)
  return transient ? new StoreUnavailable(`The database is not available: ${sentence(error)}.`, { cause: error }) : error
}

/** An error's message without its final stop; the parts of an AggregateError (one for each address tried) joined. */
export function sentence(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(sentence).join('; ')
  return (error instanceof Error ? error.message : String(error)).replace(/\.\s*$/, '')
}

function isBug(error: unknown): boolean {
  return (
    error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError || error instanceof SyntaxError
  )
}

import { Mutex, parse, protocol, type ExecProtocolResult, type PGlite, type Results } from '@electric-sql/pglite'
import { bindMessages } from './pglite-bind.ts'

/** Statements that are kept prepared; each holds some tens of kilobytes of plan. */
const MOST = 200
/** PGlite's error when a table has changed under a statement. */
const STALE = '0A000'

type Message = ExecProtocolResult['messages'][number]
type Prepared = { name: string; types: number[]; row: Message | undefined }

export type Statements = {
  /**
   * As PGlite's own `query`, one after the other. `first` runs a text that comes for the first time, and is not prepared:
   * most of such (migrations, repairs) never come again.
   */
  run<T>(text: string, values: unknown[], first: () => Promise<Results<T>>): Promise<Results<T>>
}

/**
 * PGlite parses and plans each query anew, in five messages; a statement that is kept prepared runs in one. That is a
 * sixth of the time for a read of one row, on the thread that serves everything else too.
 */
export function keepStatements(database: PGlite): Statements {
  const prepared = new Map<string, Prepared | 'once'>()
  // PGlite's own locks do not hold for messages of the protocol.
  const lock = new Mutex()
  let made = 0

  async function prepare(text: string): Promise<Prepared> {
    const name = `weft_${String(++made)}`
    const { serialize } = protocol
    const asked = joined([serialize.parse({ name, text }), serialize.describe({ type: 'S', name }), serialize.sync()])
    const { messages } = await database.execProtocol(asked)
    const row = messages.find((one) => one.name === 'rowDescription')
    const statement = { name, types: parse.parseDescribeStatementResults(messages), row }
    remember(text, statement)
    if (prepared.size > MOST) await forgetOldest()
    return statement
  }

  /** The most recently used stands last. */
  function remember(text: string, statement: Prepared | 'once'): void {
    prepared.delete(text)
    prepared.set(text, statement)
  }

  async function forgetOldest(): Promise<void> {
    const [oldest] = prepared
    if (oldest === undefined) return
    const [text, statement] = oldest
    prepared.delete(text)
    if (statement === 'once') return
    await database.execProtocol(
      joined([protocol.serialize.close({ type: 'S', name: statement.name }), protocol.serialize.sync()]),
    )
  }

  async function run<T>(text: string, values: unknown[], first: () => Promise<Results<T>>): Promise<Results<T>> {
    const known = prepared.get(text)
    if (known === undefined) {
      remember(text, 'once')
      if (prepared.size > MOST) await forgetOldest()
      return await first()
    }
    const statement = known === 'once' ? await prepare(text) : known
    remember(text, statement)
    const { messages } = await database
      .execProtocol(bindMessages(statement.name, asTexts(database, values, statement.types)))
      .catch((error: unknown) => {
        if ((error as { code?: string }).code === STALE) prepared.delete(text)
        throw error
      })
    const described = statement.row === undefined ? messages : [statement.row, ...messages]
    return parse.parseResults(described, database.parsers, { rowMode: 'object' })[0] as Results<T>
  }

  return { run: (text, values, first) => lock.runExclusive(() => run(text, values, first)) }
}

function asTexts(database: PGlite, values: unknown[], types: number[]): (string | null)[] {
  return values.map((value, index) => {
    if (value === null || value === undefined) return null
    const serializer = database.serializers[types[index] ?? 0]
    return serializer === undefined ? String(value) : serializer(value)
  })
}

function joined(messages: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(messages))
}

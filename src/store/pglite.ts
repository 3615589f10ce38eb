import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Mutex, PGlite, type PGliteOptions } from '@electric-sql/pglite'
import type { PGlite as PGliteConnection } from 'kysely'
import { lockDataDir } from './data-dir-lock.ts'
import { StoreBroken, sentence, toStoreError } from './failures.ts'
import { scrubParameters } from './json-text.ts'
import { keepStatements } from './pglite-statements.ts'
import { forgetCluster, newCluster, unpackCluster, type Beginnings } from './pglite-template.ts'
import { tidier } from './pglite-tidy.ts'

const INT8 = 20
const OPEN_MS = 60_000

/**
 * Opens the embedded database in `<data_dir>/postgres` (in memory without a directory) and takes that directory for
 * this process: PGlite itself lets two processes in, and then loses rows. A new one has what `beginnings` say, or
 * nothing. Throws `StoreBroken` or `DataDirInUse`.
 */
export async function openPGlite(
  data_dir: string | undefined,
  beginnings?: Beginnings,
): Promise<{ pglite: PGliteConnection; used(): void; close(): Promise<void> }> {
  if (data_dir !== undefined) await mkdir(data_dir, { recursive: true })
  const lock = data_dir === undefined ? null : await lockDataDir(data_dir, 'postgres')
  const directory = data_dir === undefined ? undefined : join(data_dir, 'postgres')
  let database: PGlite
  try {
    database = await openedOrMade(directory, beginnings)
  } catch (error) {
    await lock?.release()
    throw new StoreBroken(
      `The database in ${directory ?? 'memory'} cannot be opened (${sentence(error)}): restore it from a backup, or move it away to start empty.`,
      { cause: error },
    )
  }
  // Small samples: taking them blocks the event loop, and the plans here need no fine histograms.
  await database.query('set default_statistics_target = 10')
  const pglite = guarded(database)
  const tidy = tidier(pglite)
  return {
    pglite,
    used: tidy.used,
    close: async () => {
      await tidy.settled()
      if (!database.closed) await database.close()
      await lock?.release()
    },
  }
}

/**
 * PGlite would make a database by itself, but slowly, and one that a crash has cut short in the making it would take for
 * a broken one ever after.
 */
async function openedOrMade(directory: string | undefined, beginnings: Beginnings | undefined): Promise<PGlite> {
  if (directory !== undefined && existsSync(directory)) return opened({ dataDir: directory })
  try {
    return await made(directory, await newCluster(beginnings))
  } catch (error) {
    if (beginnings === undefined) throw error
    // What was kept is in order as a file, and yet it was no database: without it.
    await forgetCluster(beginnings)
    return made(directory, await newCluster(undefined))
  }
}

async function made(directory: string | undefined, cluster: Buffer): Promise<PGlite> {
  if (directory === undefined) return opened({ loadDataDir: new Blob([cluster]) })
  await unpackCluster(cluster, directory)
  try {
    return await opened({ dataDir: directory })
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

async function opened(where: Pick<PGliteOptions, 'dataDir' | 'loadDataDir'>): Promise<PGlite> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not open within ${OPEN_MS / 1000} s`)), OPEN_MS)
  })
  try {
    return await Promise.race([PGlite.create({ ...where, parsers: { [INT8]: Number } }), late])
  } finally {
    clearTimeout(timer)
  }
}

/** What kysely uses of PGlite, with statements kept prepared, parameters made safe and errors sorted. */
function guarded(database: PGlite): PGliteConnection {
  const statements = keepStatements(database)
  // PGlite's own lock keeps others out of a transaction, but not what is sent as messages of the protocol.
  const lock = new Mutex()
  const asked = async <T>(text: string, values: readonly unknown[] = [], by: Pick<PGlite, 'query'>): Promise<never> => {
    const safe = scrubParameters(values)
    try {
      return (await statements.run<T>(text, safe, () => by.query<T>(text, safe))) as never
    } catch (error) {
      throw toStoreError(error)
    }
  }
  return {
    query: (text, values) => lock.runExclusive(() => asked(text, values, database)),
    get closed() {
      return database.closed
    },
    get ready() {
      return database.ready
    },
    waitReady: database.waitReady,
    // The owner closes it, after the last tidying.
    close: async () => undefined,
    transaction: (work) =>
      lock.runExclusive(() =>
        database.transaction((tx) =>
          Promise.resolve(work({ query: (text, values) => asked(text, values, tx), rollback: () => tx.rollback() })),
        ),
      ) as never,
  }
}

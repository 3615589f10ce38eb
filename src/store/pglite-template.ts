import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { PGlite } from '@electric-sql/pglite'
import { parseTar } from 'nanotar'

/** Of a process that is not there in the copy. */
const LEFT_OUT = new Set(['postmaster.pid'])
const OLD_MS = 30 * 86_400_000
/** For its owner only, as the server makes them. */
const MODE = { directory: 0o700, file: 0o600 }

/** What a new database begins with: where its like are kept, what is put into it, and a digest of that, made when asked. */
export type Beginnings = { cache_dir: string; fill: (database: PGlite) => Promise<unknown>; digest: () => Promise<string> }

/**
 * A cluster that nobody has used, as a tar file: unpacking it takes a tenth of the time and of the memory of making one.
 * It contains nothing of anybody, so one serves every new database, and each version of PGlite and of what is filled in
 * has its own in the cache folder. It is made where it is missing or damaged (it is packed with a checksum), and by
 * everybody anew, with nothing in it, without `beginnings`; a folder that cannot be written is no failure.
 */
export async function newCluster(beginnings: Beginnings | undefined): Promise<Buffer> {
  if (beginnings === undefined) return make(async () => undefined)
  const path = await placeOf(beginnings)
  const kept = await read(path)
  if (kept !== null) return kept
  const made = await make(beginnings.fill)
  await keep(path, made)
  return made
}

/** Drops what is kept. */
export async function forgetCluster(beginnings: Beginnings): Promise<void> {
  await rm(await placeOf(beginnings), { force: true }).catch(() => undefined)
}

/** Writes the cluster to a directory that is not there yet, all of it or nothing, for a process that has the lock. */
export async function unpackCluster(cluster: Buffer, directory: string): Promise<void> {
  const half = `${directory}.new`
  await rm(half, { recursive: true, force: true })
  mkdirSync(half, { mode: MODE.directory })
  for (const { name, type, data } of parseTar(cluster)) {
    const path = join(half, name)
    if (type === 'directory') mkdirSync(path, { recursive: true, mode: MODE.directory })
    else if (!LEFT_OUT.has(name)) writeFileSync(path, data ?? '', { mode: MODE.file })
  }
  await rename(half, directory)
}

async function make(fill: Beginnings['fill']): Promise<Buffer> {
  const database = await PGlite.create()
  try {
    await fill(database)
    // Else everybody who unpacks it would have to recover what is only in the log of writes.
    await database.query('checkpoint')
    return Buffer.from(await (await database.dumpDataDir('none')).arrayBuffer())
  } finally {
    await database.close()
  }
}

async function read(path: string): Promise<Buffer | null> {
  try {
    return await promisify(gunzip)(await readFile(path))
  } catch {
    return null
  }
}

async function keep(path: string, cluster: Buffer): Promise<void> {
  const mine = `${path}.${randomUUID()}`
  try {
    await mkdir(dirname(path), { recursive: true })
    // Nobody ever sees half of it, and of several that are made at once the last one stays.
    await writeFile(mine, await promisify(gzip)(cluster))
    await rename(mine, path)
    await dropOld(dirname(path))
  } catch {
    await rm(mine, { force: true }).catch(() => undefined)
  }
}

/** Those of versions that nobody starts any more, as far as one can tell; whoever does makes it again. */
async function dropOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const { mtimeMs } = await stat(join(folder, name))
    if (Date.now() - mtimeMs > OLD_MS) await rm(join(folder, name), { force: true })
  }
}

/** The file; its name says what it was made by and of. */
export async function placeOf({ cache_dir, digest }: Beginnings): Promise<string> {
  const program = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  const { version } = JSON.parse(await readFile(join(dirname(program), '..', 'package.json'), 'utf8')) as { version: string }
  return join(cache_dir, 'pglite', `${version}-${(await digest()).slice(0, 16)}.tar.gz`)
}

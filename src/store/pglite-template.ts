import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { PGlite } from '@electric-sql/pglite'
import { parseTar } from 'nanotar'

/** Of a process that is not there in the copy. */
const LEFT_OUT = new Set(['postmaster.pid'])
/** For its owner only, as the server makes them. */
const MODE = { directory: 0o700, file: 0o600 }

/**
 * An empty cluster as a tar file: unpacking it takes a tenth of the time and of the memory of making one. It contains
 * nothing of anybody, so one serves every new database, and each version of PGlite has its own in the cache folder. It
 * is made where it is missing, damaged (it is packed with a checksum) or there is no folder; a folder that cannot be
 * written is no failure.
 */
export async function emptyCluster(cache_dir: string | undefined): Promise<Buffer> {
  const path = cache_dir === undefined ? null : await placeIn(cache_dir)
  const kept = path === null ? null : await read(path)
  if (kept !== null) return kept
  const made = await make()
  if (path !== null) await keep(path, made)
  return made
}

/** Drops what is kept. */
export async function forgetCluster(cache_dir: string | undefined): Promise<void> {
  const path = cache_dir === undefined ? null : await placeIn(cache_dir)
  if (path !== null) await rm(path, { force: true }).catch(() => undefined)
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

async function make(): Promise<Buffer> {
  const database = await PGlite.create()
  try {
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
  } catch {
    await rm(mine, { force: true }).catch(() => undefined)
  }
}

/** Null where PGlite does not tell its version. */
async function placeIn(cache_dir: string): Promise<string | null> {
  try {
    const manifest = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'))
    const { version } = JSON.parse(await readFile(fileURLToPath(manifest), 'utf8')) as { version?: unknown }
    return typeof version === 'string' ? join(cache_dir, 'pglite', `${version}.tar.gz`) : null
  } catch {
    return null
  }
}

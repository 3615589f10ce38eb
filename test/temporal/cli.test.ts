import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cachedCli } from '../../src/temporal/cli/cache.ts'
import { withFileLock } from '../../src/temporal/cli/file-lock.ts'
import { findTemporalCli, obtainTemporalCli } from '../../src/temporal/cli/obtain.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-cli-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

function program(path: string, says: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`)
  chmodSync(path, 0o755)
  return path
}

describe('finding the CLI', () => {
  test('the search path comes before the cache', async () => {
    const search = { searchPath: [join(dir, 'none'), join(dir, 'bin')], cacheDir: join(dir, 'cache') }
    expect(await findTemporalCli(search)).toBeNull()
    const cached = program(cachedCli(search.cacheDir), 'temporal version 1.5.1')
    expect(await findTemporalCli(search)).toBe(cached)
    const own = program(join(dir, 'bin', 'temporal'), 'temporal version 1.4.0')
    expect(await findTemporalCli(search)).toBe(own)
    expect(await obtainTemporalCli(search)).toBe(own)
  })

  test('another program of that name does not count', async () => {
    program(join(dir, 'bin', 'temporal'), 'a calendar of the seasons')
    expect(await findTemporalCli({ searchPath: [join(dir, 'bin')], cacheDir: dir })).toBeNull()
  })
})

describe('a file lock', () => {
  test('lets one in at a time', async () => {
    const lock = join(dir, 'deep', 'lock')
    let inside = 0
    const work = async () => {
      expect(++inside).toBe(1)
      await sleep(20)
      inside--
    }
    await Promise.all([withFileLock(lock, {}, work), withFileLock(lock, {}, work), withFileLock(lock, {}, work)])
  })

  test('of a process that has died is broken, that of a living one is waited for', async () => {
    const lock = join(dir, 'lock')
    writeFileSync(lock, '999999999')
    expect(await withFileLock(lock, {}, () => Promise.resolve('done'))).toBe('done')
    writeFileSync(lock, String(process.ppid))
    const signal = AbortSignal.timeout(50)
    let waited = 0
    await expect(withFileLock(lock, { signal, waiting: () => waited++ }, () => Promise.resolve())).rejects.toThrow()
    expect(waited).toBe(1)
  })
})

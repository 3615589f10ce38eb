import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataDirInUse, lockDataDir } from '../../src/store/data-dir-lock.ts'

let dir: string
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'weft-lock-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

describe('the lock of a data directory', () => {
  it('lets one in until it is released', async () => {
    const lock = await lockDataDir(dir)
    const error = await lockDataDir(dir).then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(DataDirInUse)
    expect(error).toMatchObject({ pid: process.pid, message: expect.stringContaining(`pid ${process.pid}`) })
    const other = await lockDataDir(dir, 'other')
    await other.release()
    await lock.release()
    await (await lockDataDir(dir)).release()
  })

  it('is freed by the death of its holder, and taken over by one of many', async () => {
    const holder = await hold(dir)
    await expect(lockDataDir(dir)).rejects.toMatchObject({ pid: holder.pid })
    await killed(holder)
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockDataDir(dir)))
    const won = tries.filter((one) => one.status === 'fulfilled')
    expect(won).toHaveLength(1)
    for (const one of tries) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(DataDirInUse)
    await won[0]?.value.release()
  }, 20_000)

  it('works where the path is too long for a socket', async () => {
    const deep = join(dir, 'x'.repeat(120))
    mkdirSync(deep)
    const holder = await hold(deep)
    await expect(lockDataDir(deep)).rejects.toMatchObject({ pid: holder.pid })
    await killed(holder)
    await (await lockDataDir(deep)).release()
  }, 20_000)
})

function hold(path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./lock-process.ts', import.meta.url)), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    child.stdout.once('data', () => resolve(child))
    child.once('exit', () => reject(new Error('The holder ended too soon.')))
  })
}

function killed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

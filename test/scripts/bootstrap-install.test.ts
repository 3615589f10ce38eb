import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

type Install = (root: string, run: (program: string, args: string[]) => Promise<{ code: number }>) => Promise<void>
// Plain JavaScript, which has no types.
const { installDependencies } = (await import('../../scripts/bootstrap/install.mjs' as string)) as {
  installDependencies: Install
}

let root: string
const writeLock = (version: string): void => {
  const packages = { '': {}, 'node_modules/a': { version }, 'node_modules/b': { version: '1.0.0', optional: true } }
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }))
}
beforeEach(() => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  root = mkdtempSync(join(tmpdir(), 'weft-install-'))
  writeLock('1.0.0')
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(root, { recursive: true })
})

test('installs once, and again when the lockfile changes', async () => {
  const npm = vi.fn(async (_program: string, _args: string[]) => {
    mkdirSync(join(root, 'node_modules'), { recursive: true })
    return { code: 0 }
  })
  await installDependencies(root, npm)
  await installDependencies(root, npm)
  expect(npm).toHaveBeenCalledTimes(1)
  expect(npm.mock.calls[0]?.[1]).toContain('ci')
  writeLock('2.0.0')
  await installDependencies(root, npm)
  expect(npm).toHaveBeenCalledTimes(2)
})

test('of two at once one installs and the other waits', async () => {
  const npm = vi.fn(async () => {
    await sleep(100)
    mkdirSync(join(root, 'node_modules'), { recursive: true })
    return { code: 0 }
  })
  await Promise.all([installDependencies(root, npm), installDependencies(root, npm)])
  expect(npm).toHaveBeenCalledTimes(1)
})

test('takes what somebody else installed, if it is what the lockfile asks for', async () => {
  const npm = vi.fn(async () => ({ code: 1 }))
  mkdirSync(join(root, 'node_modules'))
  writeFileSync(join(root, 'node_modules', '.package-lock.json'), readFileSync(join(root, 'package-lock.json')))
  await installDependencies(root, npm)
  expect(npm).not.toHaveBeenCalled()
  writeLock('2.0.0')
  await expect(installDependencies(root, npm)).rejects.toThrow('could not be installed')
})

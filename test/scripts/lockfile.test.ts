import { expect, test } from 'vitest'
import { completed, missingEntries, type Lockfile } from '../../scripts/lockfile.ts'

const lock: Lockfile = {
  packages: {
    '': {},
    'node_modules/core': {
      version: '1.2.3',
      resolved: 'https://registry.example/core.tgz',
      dev: true,
      optionalDependencies: { '@core/linux-x64-gnu': '1.2.3', '@core/linux-arm64-musl': '1.2.3', '@core/darwin-arm64': '1.2.3' },
    },
    'node_modules/@core/linux-x64-gnu': { version: '1.2.3', optional: true },
  },
}

test('binaries for other platforms are added by their names', () => {
  expect(missingEntries(lock)).toEqual({
    'node_modules/@core/linux-arm64-musl': {
      version: '1.2.3',
      dev: true,
      optional: true,
      os: ['linux'],
      cpu: ['arm64'],
      libc: ['musl'],
    },
    'node_modules/@core/darwin-arm64': { version: '1.2.3', dev: true, optional: true, os: ['darwin'], cpu: ['arm64'] },
  })
})

test('a completed lockfile is sorted, names no host and needs nothing more', () => {
  const done = completed(lock)
  expect(Object.keys(done.packages)).toEqual(Object.keys(done.packages).sort())
  expect(JSON.stringify(done)).not.toContain('registry.example')
  expect(missingEntries(done)).toEqual({})
})

test('what cannot be known is not guessed', () => {
  const asking = (name: string, version: string): Lockfile => ({
    packages: { 'node_modules/a': { optionalDependencies: { [name]: version } } },
  })
  expect(() => missingEntries(asking('a-linux-x64', '^1.0.0'))).toThrow('its version cannot be known')
  expect(() => missingEntries(asking('a-native', '1.0.0'))).toThrow('does not say which platform')
})

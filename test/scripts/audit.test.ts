import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lockfileFaults, readAudit } from '../../scripts/audit-rules.ts'

const good = { version: '1.0.0', integrity: 'sha512-x', license: 'MIT' }
const NOBODY = { installs: new Map<string, string>(), licences: new Map<string, string>() }
const faultsOf = (entry: object): string[] =>
  lockfileFaults({ packages: { '': {}, 'node_modules/some': { ...good, ...entry } } }, NOBODY)

describe('the lockfile', () => {
  it('of this project has no fault', () => {
    expect(lockfileFaults(JSON.parse(readFileSync('package-lock.json', 'utf8')))).toEqual([])
  })

  it.each([
    ['without a hash', { integrity: undefined }, 'has no integrity hash'],
    ['for another platform, without a hash, but needed', { integrity: undefined, os: ['aix'], cpu: ['x64'] }, 'no integrity'],
    ['from elsewhere', { resolved: 'git+ssh://git@example.org/a/b.git#1' }, 'does not come from a registry'],
    ['with a weak hash', { integrity: 'sha1-x' }, 'has no integrity hash'],
    ['without a licence', { license: undefined }, 'says no licence'],
    ['of a licence that nobody allowed', { license: 'AGPL-3.0' }, 'AGPL-3.0'],
    ['of two licences, one of them not allowed', { license: 'MIT AND GPL-3.0' }, 'GPL-3.0'],
    ['shipped, of a licence that only tools may have', { license: 'MPL-2.0' }, 'MPL-2.0'],
    ['that runs a script when it is installed', { hasInstallScript: true }, 'install script'],
    ['that is deprecated', { deprecated: 'use another' }, 'is deprecated: use another'],
  ])('has a fault in a package %s', (_what, entry, words) => {
    const faults = faultsOf(entry)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(/^some@1\.0\.0 /)
    expect(faults[0]).toContain(words)
  })

  it.each([
    [{}],
    [{ license: '(MIT OR GPL-3.0)' }],
    [{ license: 'Apache-2.0 AND MIT' }],
    [{ license: 'MPL-2.0', dev: true }],
    // Added for a platform that the registry had no binary for: nothing more is known of it.
    [{ integrity: undefined, license: undefined, optional: true, os: ['aix'], cpu: ['ppc64'] }],
  ])('has none in %j', (entry) => {
    expect(faultsOf(entry)).toEqual([])
  })

  it('names an allowance that nothing needs any more', () => {
    const lock = { packages: { '': {}, 'node_modules/some': good } }
    expect(lockfileFaults(lock, { installs: new Map([['gone', 'because']]), licences: new Map() })).toEqual([
      'gone is allowed an install script, which no package of this name has: take it off the list',
    ])
  })
})

describe("the registry's word", () => {
  const counts = (high: number, critical = 0) => ({ info: 0, low: 2, moderate: 1, high, critical, total: 3 + high + critical })
  const report = (high: number, critical?: number) =>
    JSON.stringify({ auditReportVersion: 2, vulnerabilities: {}, metadata: { vulnerabilities: counts(high, critical) } })

  it.each([
    ['clean', report(0), 0, 'clean'],
    ['a high one', report(1), 1, 'found'],
    ['a critical one', report(0, 1), 1, 'found'],
    ['npm failed all the same', report(0), 1, 'found'],
    ['405', JSON.stringify({ message: '405 Method Not Allowed - POST', statusCode: 405 }), 1, 'no_service'],
    ['nobody there', JSON.stringify({ message: 'reason: connect ECONNREFUSED 127.0.0.1:9', error: {} }), 1, 'no_service'],
    ['a failing registry', JSON.stringify({ message: '500 Internal', statusCode: 500 }), 1, 'no_service'],
    ['nothing in time', '', null, 'no_service'],
    // A lockfile that npm refuses is our fault, not the registry's.
    ['a wrong call', JSON.stringify({ error: { code: 'ENOLOCK', summary: 'requires an existing lockfile' } }), 1, 'found'],
  ])('%s', (_what, output, code, verdict) => {
    expect(readAudit(output, code).verdict).toBe(verdict)
  })
})

/** What the audit reads of package-lock.json (version 3). Keys of `packages` are paths. */
export type AuditedLockfile = { packages: Record<string, AuditedPackage> }
export type AuditedPackage = {
  version?: string
  resolved?: string
  integrity?: string
  license?: string
  deprecated?: string
  hasInstallScript?: boolean
  dev?: boolean
  optional?: boolean
  link?: boolean
  os?: string[]
  cpu?: string[]
}

/** Names of packages, each with the reason why it may. */
export type Allowances = { installs: ReadonlyMap<string, string>; licences: ReadonlyMap<string, string> }

const LICENCES = new Set(
  'MIT MIT-0 ISC 0BSD BSD-2-Clause BSD-3-Clause Apache-2.0 BlueOak-1.0.0 Unlicense CC0-1.0 CC-BY-4.0 Python-2.0'.split(' '),
)
/** Of tools that are used while Weft is developed and are no part of what is given on. */
const LICENCES_OF_TOOLS = new Set(['MPL-2.0'])

const ALLOWED: Allowances = {
  installs: new Map([
    ['@swc/core', 'looks whether its binary is there; the bundler of workflows needs it'],
    ['protobufjs', 'only compares versions and prints a warning'],
  ]),
  licences: new Map([['unionfs', 'says "Unlicense" in its LICENSE and nothing in its package.json']]),
}

/** What is wrong with the dependencies as they are locked, one sentence each; empty if nothing is. */
export function lockfileFaults(lock: AuditedLockfile, allowed: Allowances = ALLOWED): string[] {
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '')
  const installs = new Set<string>()
  const faults = packages.flatMap(([path, entry]) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (entry.hasInstallScript === true) installs.add(name)
    return faultsOf(name, entry, allowed).map((fault) => `${name}@${entry.version ?? '?'} ${fault}`)
  })
  const unused = [...allowed.installs.keys()].filter((name) => !installs.has(name))
  const told = unused.map(
    (name) => `${name} is allowed an install script, which no package of this name has: take it off the list`,
  )
  return [...faults, ...told]
}

function faultsOf(name: string, entry: AuditedPackage, allowed: Allowances): string[] {
  const faults: string[] = []
  if (entry.link === true || (entry.resolved !== undefined && !entry.resolved.startsWith('https://')))
    faults.push('does not come from a registry')
  // `complete-lockfile` adds what the registry did not have: of these only name, version and platform are known.
  if (isForeign(entry)) return faults
  if (!/^sha(256|384|512)-/.test(entry.integrity ?? '')) faults.push('has no integrity hash')
  if (entry.license === undefined) {
    if (!allowed.licences.has(name)) faults.push('says no licence')
  } else if (!mayUse(entry.license, entry.dev === true)) faults.push(`has a licence that is not on the list: ${entry.license}`)
  if (entry.hasInstallScript === true && !allowed.installs.has(name))
    faults.push('has an install script and is not on the list of those that may')
  if (entry.deprecated !== undefined) faults.push(`is deprecated: ${entry.deprecated}`)
  return faults
}

/** A binary for a platform that the registry which the lockfile was written with did not have. */
export function isForeign({ optional, os, cpu, integrity }: AuditedPackage): boolean {
  return optional === true && os !== undefined && cpu !== undefined && integrity === undefined
}

/** SPDX expressions of one kind of word: all of `A AND B`, one of `A OR B`. Anything else is a name that no list has. */
function mayUse(expression: string, tool: boolean): boolean {
  const plain = expression.replace(/^\((.*)\)$/, '$1')
  const fits = (one: string): boolean => LICENCES.has(one) || (tool && LICENCES_OF_TOOLS.has(one))
  return plain.includes(' OR ') ? plain.split(' OR ').some(fits) : plain.split(' AND ').every(fits)
}

export type AuditVerdict = { verdict: 'clean' | 'found' | 'no_service'; detail: string }

/**
 * What `npm audit --json` has said. `no_service`: the registry could not be asked, so nothing is known; it is no
 * verdict of `clean`. `code`: null when it was ended for taking too long.
 */
export function readAudit(output: string, code: number | null): AuditVerdict {
  const said = parsed(output)
  const counts = said?.metadata?.vulnerabilities
  if (counts !== undefined) {
    const bad = (counts['high'] ?? 0) + (counts['critical'] ?? 0)
    const detail = `${String(bad)} high or critical, ${String((counts['total'] ?? 0) - bad)} lower`
    return { verdict: bad === 0 && code === 0 ? 'clean' : 'found', detail }
  }
  if (said?.error?.code?.startsWith('E') === true && said.statusCode === undefined)
    return { verdict: 'found', detail: `npm refuses to audit: ${said.error.summary ?? said.error.code}` }
  return { verdict: 'no_service', detail: said?.message?.slice(0, 200) ?? 'no answer' }
}

type AuditOutput = {
  metadata?: { vulnerabilities?: Record<string, number> }
  statusCode?: number
  message?: string
  error?: { code?: string; summary?: string }
}

function parsed(output: string): AuditOutput | null {
  try {
    return JSON.parse(output) as AuditOutput
  } catch {
    return null
  }
}

/** The part of package-lock.json (version 3) that matters here. Keys of `packages` are paths. */
export type Lockfile = { packages: Record<string, LockedPackage> }
export type LockedPackage = {
  version?: string
  resolved?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']

/**
 * Entries that the lockfile lacks: binaries for other platforms. npm leaves out those that the registry it was
 * written with did not have, then refuses to install from it, and other platforms would get no binary.
 */
export function missingEntries(lock: Lockfile): Record<string, LockedPackage> {
  const missing: Record<string, LockedPackage> = {}
  for (const [path, parent] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const nested = `${path}/node_modules/${name}`
      const hoisted = `node_modules/${name}`
      if (nested in lock.packages || hoisted in lock.packages) continue
      missing[hoisted] = {
        version: exact(name, version),
        ...(parent.dev === true ? { dev: true } : {}),
        optional: true,
        ...platform(name),
      }
    }
  }
  return missing
}

/** The lockfile with every platform's entries and without the hosts it was written with, which others cannot reach. */
export function completed(lock: Lockfile): Lockfile {
  const entries = Object.entries({ ...lock.packages, ...missingEntries(lock) })
  const packages = entries.map(([path, { resolved: _resolved, ...entry }]) => [path, entry] as const)
  return { ...lock, packages: Object.fromEntries(packages.sort(([a], [b]) => (a < b ? -1 : 1))) }
}

function exact(name: string, version: string): string {
  if (/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) return version
  throw new Error(`${name} is asked for as ${version}, so its version cannot be known without the registry.`)
}

/** By the name, as such packages are named: `core-linux-arm64-musl` runs on linux, arm64, musl. */
function platform(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const words = name.split(/[/-]/)
  const os = words.find((word) => SYSTEMS.includes(word))
  const cpu = words.find((word) => PROCESSORS.includes(word))
  if (os === undefined || cpu === undefined) throw new Error(`The name ${name} does not say which platform it is for.`)
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') && os === 'linux' ? ['glibc'] : undefined
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc }) }
}

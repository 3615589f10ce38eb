// Known faults of what Weft ships, as the registry knows them, and what the lockfile itself tells: `npm test -- audit`.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { isForeign, lockfileFaults, readAudit, type AuditedLockfile } from './audit-rules.ts'
import type { Count } from './test-report.ts'

const TIMEOUT_MS = 15_000
/** Nothing of what is only used to develop: it is not given on. */
const ASK = ['audit', '--omit=dev', '--audit-level=high', '--json', '--fetch-retries=0']

/** Both questions. What the registry could not be asked counts as skipped, never as passed. */
export async function audit(): Promise<Count> {
  const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as AuditedLockfile
  const faults = lockfileFaults(lock)
  for (const fault of faults) console.error(`package-lock.json: ${fault}.`)
  const foreign = Object.values(lock.packages).filter(isForeign).length
  if (faults.length === 0)
    console.log(
      `Lockfile: ${String(Object.keys(lock.packages).length - 1)} packages; hashes, licences, install scripts and deprecations are in order. ` +
        `${String(foreign)} binaries of other platforms have no hash, since the registry it was written with had none.`,
    )
  const { verdict, detail } = await askRegistry()
  if (verdict === 'no_service') {
    console.log(`NOT CHECKED for known vulnerabilities: the registry has no audit service or does not answer (${detail}).`)
    console.log('Ask one that has before a release: npm audit --omit=dev --audit-level=high --registry=…')
  } else
    console.log(`Registry: ${verdict === 'clean' ? 'no high or critical vulnerability is known' : 'AUDIT FAILED'} (${detail}).`)
  const failed = (faults.length === 0 ? 0 : 1) + (verdict === 'found' ? 1 : 0)
  const skipped = verdict === 'no_service' ? 1 : 0
  return { passed: 2 - failed - skipped, failed, skipped }
}

function askRegistry(): Promise<ReturnType<typeof readAudit>> {
  return new Promise((resolve) => {
    let output = ''
    const shell = process.platform === 'win32'
    const npm = spawn('npm', ASK, { stdio: ['ignore', 'pipe', 'ignore'], shell, timeout: TIMEOUT_MS })
    npm.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    npm.once('error', () => resolve(readAudit('', null)))
    npm.once('close', (code) => resolve(readAudit(output, code)))
  })
}

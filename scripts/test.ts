// Everything that must hold before a change is done: `npm test`. Parts by name: `npm test -- types unit`.
// The last line is `N passed, N failed`, with `, N skipped` where some were; the exit code says the same.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { audit } from './audit.ts'
import { add, countReport, NOTHING, sentence, type Count, type VitestReport } from './test-report.ts'

const CHECKS: Record<string, string[][]> = {
  format: [['prettier', '--check', '--log-level', 'warn', '**/*.{ts,mjs,json,yml}']],
  lint: [['oxlint', '--deny-warnings']],
  types: [
    ['tsc', '--project', 'tsconfig.json'],
    ['tsc', '--project', 'workflows/tsconfig.json'],
  ],
}
/** Projects of vitest.config.ts. */
const TIERS = ['unit', 'engine', 'program']

let child: ChildProcess | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    child?.once('exit', () => process.exit(1)).kill(signal)
  })
}

const wanted = process.argv.slice(2)
const known = [...Object.keys(CHECKS), 'audit', ...TIERS]
const strange = wanted.find((name) => !known.includes(name))
if (strange !== undefined) {
  console.error(`There is no part "${strange}"; the parts are ${known.join(', ')}.`)
  process.exit(1)
}

const reports = mkdtempSync(join(tmpdir(), 'weft-test-'))
const rows: [name: string, count: Count, seconds: number][] = []
for (const name of wanted.length > 0 ? wanted : known) {
  console.log(`\n── ${name}`)
  const began = Date.now()
  const count = name === 'audit' ? await audit() : name in CHECKS ? await runChecks(CHECKS[name] ?? []) : await runTier(name)
  rows.push([name, count, Math.round((Date.now() - began) / 1000)])
}
rmSync(reports, { recursive: true, force: true })

console.log('\n── summary')
for (const [name, count, seconds] of rows) console.log(`${name.padEnd(8)} ${sentence(count)} (${seconds} s)`)
const total = rows.map(([, count]) => count).reduce(add, NOTHING)
console.log(`\n${sentence(total)}`)
process.exit(total.failed === 0 ? 0 : 1)

async function runChecks(commands: string[][]): Promise<Count> {
  let count = NOTHING
  for (const [program = '', ...args] of commands) {
    const ok = (await run(program, args)) === 0
    count = add(count, { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 })
  }
  return count
}

async function runTier(name: string): Promise<Count> {
  const file = join(reports, `${name}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const code = await run('vitest', ['run', '--project', name, '--passWithNoTests', ...reporters])
  let report: VitestReport | null = null
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
  } catch {
    // It ended before it could report; that counts as a failure.
  }
  return countReport(report, code)
}

/** Runs a program of the project's dependencies to its end, on this terminal; null stands for an end by a signal. */
function run(program: string, args: string[]): Promise<number | null> {
  return new Promise((resolve) => {
    child = spawn(join('node_modules', '.bin', program), args, { stdio: 'inherit', shell: process.platform === 'win32' })
    child.once('error', (error) => {
      console.error(error.message)
      resolve(null)
    })
    child.once('exit', (code) => resolve(code))
  })
}

// The long form of the fuzz tests: `npm run test:fuzz`, or some files of it: `npm run test:fuzz -- schemathesis`.
// WEFT_FUZZ_SEED repeats a run; each file prints the seed that it uses and how many cases it has tried.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { childEnvironment } from '../src/config.ts'

const SEEDS = 2 ** 31
const given = childEnvironment({})['WEFT_FUZZ_SEED']
const seed = given === undefined || given === '' ? String(randomInt(SEEDS)) : given
const files = process.argv.slice(2).map((name) => `test/fuzz/${name}`)
console.log(`The long form of the fuzz tests, seed ${seed}.`)
const child = spawn(
  join('node_modules', '.bin', 'vitest'),
  ['run', '--project', 'program', ...(files.length > 0 ? files : ['test/fuzz/'])],
  {
    stdio: 'inherit',
    env: childEnvironment({ WEFT_FUZZ: 'long', WEFT_FUZZ_SEED: seed }),
    shell: process.platform === 'win32',
  },
)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
child.once('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
child.once('exit', (code) => process.exit(code ?? 1))

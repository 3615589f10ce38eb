// Storms of kill -9 that take longer than `npm test` should: `npm run test:chaos`. Parts by name: `npm run test:chaos -- storm`.
// WEFT_CHAOS_SEED repeats one load and its kills. The figures are printed; docs/reliability.md keeps those of one machine.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const PARTS: Record<string, string> = {
  storm: 'test/chaos/crash-storm.test.ts',
  points: 'test/chaos/kill-points.test.ts',
  handover: 'test/chaos/hand-over-storm.test.ts',
  network: 'test/chaos/network-storm.test.ts',
}

const wanted = process.argv.slice(2)
const strange = wanted.find((name) => !Object.hasOwn(PARTS, name))
if (strange !== undefined) {
  console.error(`There is no part "${strange}"; the parts are ${Object.keys(PARTS).join(', ')}.`)
  process.exit(1)
}
const files = (wanted.length > 0 ? wanted : Object.keys(PARTS)).map((name) => PARTS[name] ?? '')
const child = spawn(join('node_modules', '.bin', 'vitest'), ['run', '--project', 'storm', ...files], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, WEFT_CHAOS: 'long' },
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
child.once('exit', (code) => process.exit(code ?? 1))

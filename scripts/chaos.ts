// The long forms of the storms, which kill processes with SIGKILL: `npm run test:chaos`, or some of them by name:
// `npm run test:chaos -- storm`. The short forms are in `npm test`. docs/reliability.md keeps the figures of one machine.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { childEnvironment } from '../src/config.ts'

const PARTS: Record<string, { file: string; about: string }> = {
  storm: {
    file: 'crash-storm',
    about: 'workers, API processes, Temporal and PostgreSQL die under 1,000 threads; some minutes',
  },
  points: { file: 'kill-points', about: 'a process dies before and after every effect; about half an hour' },
  handover: { file: 'hand-over-storm', about: '4,800 commands on a thread that hands over every 20; some minutes' },
  network: { file: 'network-storm', about: 'what Toxiproxy can do to each connection, 10 s each; about a quarter of an hour' },
}
const USAGE = [
  `Usage: npm run test:chaos [-- ${Object.keys(PARTS)
    .map((name) => `[${name}]`)
    .join(' ')}]`,
  ...Object.entries(PARTS).map(([name, { about }]) => `  ${name.padEnd(8)}  ${about}`),
  'Without a name: all. WEFT_CHAOS_SEED=<number> repeats a load and its kills; each part prints the seed that it uses.',
].join('\n')

const wanted = process.argv.slice(2)
if (wanted.includes('--help') || wanted.includes('-h')) {
  console.log(USAGE)
  process.exit(0)
}
const strange = wanted.find((name) => !Object.hasOwn(PARTS, name))
if (strange !== undefined) {
  console.error(`There is no part "${strange}".\n${USAGE}`)
  process.exit(1)
}
const files = (wanted.length > 0 ? wanted : Object.keys(PARTS)).map((name) => `test/chaos/${PARTS[name]?.file ?? ''}.test.ts`)
const child = spawn(join('node_modules', '.bin', 'vitest'), ['run', '--project', 'storm', ...files], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: childEnvironment({ WEFT_CHAOS: 'long' }),
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
child.once('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
child.once('exit', (code) => process.exit(code ?? 1))

// The long form of what `npm test` does shortly: more simulated lives, from a seed of its own, and every sabotage against
// every recorded history. `npm run test:replay`, or `npm run test:replay -- SEED LIVES`.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const [seed = String(Date.now() % 1_000_000_000), lives = '10000'] = process.argv.slice(2)
console.log(`seed ${seed}, ${lives} lives`)
const files = ['test/simulation', 'test/replay', 'test/thread/model.test.ts']
const { status } = spawnSync(join('node_modules', '.bin', 'vitest'), ['run', ...files], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, WEFT_REPLAY: 'long', WEFT_SEED: seed, WEFT_LIVES: lives },
})
process.exit(status ?? 1)

// Plays every behaviour of test/replay/behaviours on a real Temporal server and writes their histories beside them, for
// test/replay/recorded.test.ts. `npm run record-histories`, or some of them: `npm run record-histories -- NAME…`.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DefaultLogger, Runtime } from '@temporalio/worker'
import { BEHAVIOURS } from '../test/replay/behaviours/index.ts'
import { fetchHistories, HISTORIES } from '../test/replay/support/histories.ts'
import { Stage } from '../test/replay/support/stage.ts'
import { World } from '../test/replay/support/world.ts'
import { startEngine, startTemporal } from '../test/support/engine.ts'

const AT_ONCE = 4

Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('ERROR') })
const wanted = process.argv.slice(2)
const strange = wanted.find((name) => !BEHAVIOURS.has(name))
if (strange !== undefined) throw new Error(`there is no behaviour "${strange}"`)
const names = wanted.length > 0 ? wanted : [...BEHAVIOURS.keys()]
const failed: string[] = []
let files = 0
let bytes = 0

const temporal = await startTemporal()
const world = await World.open()
const engine = await startEngine({
  address: temporal.address,
  cli: temporal.cli,
  store: world.store,
  config: world.config(),
  wrap: (activities) => world.wrap(activities),
})
try {
  const together = names.filter((name) => BEHAVIOURS.get(name)?.alone !== true)
  const alone = names.filter((name) => !together.includes(name))
  const lane = async (): Promise<void> => {
    for (let name = together.shift(); name !== undefined; name = together.shift()) await record(name)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  for (const name of alone) await record(name)
} finally {
  await engine.close().catch((error: unknown) => failed.push(`the logs: ${String(error)}`))
  await world.store.close()
  await temporal.remove()
}
console.log(`${String(names.length)} behaviours, ${String(files)} histories, ${String(Math.round(bytes / 1024))} KiB`)
for (const problem of failed) console.error(problem)
process.exit(failed.length === 0 ? 0 : 1)

/** The histories of one behaviour replace those that were there only once it has been played as it should. */
async function record(name: string): Promise<void> {
  const behaviour = BEHAVIOURS.get(name)
  if (behaviour === undefined) return
  const began = Date.now()
  const stage = new Stage(world, engine, name)
  if (behaviour.settings !== undefined) world.settings.set(name, behaviour.settings)
  try {
    await behaviour.play(stage)
    const texts = (await Promise.all(stage.workflows.map((id) => fetchHistories(engine, id)))).flat()
    mkdirSync(HISTORIES, { recursive: true })
    for (const file of readdirSync(HISTORIES)) if (file.startsWith(`${name}.`)) rmSync(join(HISTORIES, file))
    for (const [index, text] of texts.entries()) {
      writeFileSync(join(HISTORIES, `${name}.${String(index + 1)}.json`), `${text}\n`)
      files += 1
      bytes += text.length
    }
    console.log(`${name}: ${String(texts.length)} (${String(Date.now() - began)} ms)`)
  } catch (error) {
    failed.push(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    console.error(`${name} FAILED: ${String(error)}`)
  }
}

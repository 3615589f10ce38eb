import { loadConfig } from '../../src/config.ts'
import { emptyCluster } from '../../src/store/pglite-template.ts'
import { temporalCli } from './temporal-cli.ts'

/** Obtains the Temporal CLI and an empty database once, so that no test waits for them on its own time. */
export default async function setup(): Promise<void> {
  await temporalCli()
  await emptyCluster(loadConfig().cacheDir)
}

import { beginnings } from '../../src/store/database.ts'
import { newCluster } from '../../src/store/pglite-template.ts'
import { cache_dir } from './cache.ts'
import { temporalCli } from './temporal-cli.ts'

/** Obtains the Temporal CLI and an empty database once, so that no test waits for them on its own time. */
export default async function setup(): Promise<void> {
  await temporalCli()
  await newCluster(beginnings(cache_dir))
}

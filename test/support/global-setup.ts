import { temporalCli } from './temporal-cli.ts'

/** Obtains the Temporal CLI once, so that no test waits for it or has it built on its own time. */
export default async function setup(): Promise<void> {
  await temporalCli()
}

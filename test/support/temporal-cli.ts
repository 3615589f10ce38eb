import { loadConfig } from '../../src/config.ts'
import { obtainTemporalCli } from '../../src/temporal/cli/obtain.ts'

let found: Promise<string> | undefined

/** The `temporal` program, obtained as `npm start` obtains it. */
export function temporalCli(): Promise<string> {
  const { searchPath, cacheDir } = loadConfig()
  found ??= obtainTemporalCli({ searchPath, cacheDir, report: (sentence) => console.error(sentence) })
  return found
}

import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { checkConfig } from './check-config.ts'
import { defaultConfig } from './default-config.ts'
import { AgentConfigError, type WeftConfig } from './define-config.ts'
import type { ProviderSettings } from './providers.ts'
import { createRegistry } from './registry.ts'
import type { AgentRegistry } from './registry.ts'

/**
 * The agents of a configuration file, as `readConfigFile` reads it. Throws AgentConfigError also for a model that
 * cannot be made.
 */
export async function loadAgentConfig(options: {
  path: string
  explicit: boolean
  providers: ProviderSettings
}): Promise<AgentRegistry> {
  return createRegistry(await readConfigFile(options), options.providers)
}

/**
 * The configuration file at `path` (absolute), whose default export is what `defineConfig` returns.
 * Without a file the built-in default serves, unless somebody named the file (`explicit`). Throws AgentConfigError
 * with every mistake and its place.
 */
export async function readConfigFile({ path, explicit }: { path: string; explicit: boolean }): Promise<WeftConfig> {
  if (!existsSync(path)) {
    if (explicit) throw new AgentConfigError(`${path}: there is no such file`)
    return defaultConfig
  }
  let module: { default?: unknown }
  try {
    module = (await import(pathToFileURL(path).href)) as { default?: unknown }
  } catch (error) {
    throw new AgentConfigError(`${path}: it cannot be loaded: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
  if (module.default === undefined)
    throw new AgentConfigError(`${path}: it has no default export; write "export default defineConfig({ … })"`)
  return checkConfig(module.default, path)
}

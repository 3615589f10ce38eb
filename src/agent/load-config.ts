import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { checkConfig } from './check-config.ts'
import { defaultConfig } from './default-config.ts'
import { AgentConfigError } from './define-config.ts'
import type { ProviderSettings } from './providers.ts'
import { createRegistry } from './registry.ts'
import type { AgentRegistry } from './registry.ts'

/**
 * The agents of the configuration file at `path` (absolute), whose default export is what `defineConfig` returns.
 * Without a file the built-in default serves, unless somebody named the file (`explicit`). Throws AgentConfigError
 * with every mistake and its place.
 */
export async function loadAgentConfig(options: {
  path: string
  explicit: boolean
  providers: ProviderSettings
}): Promise<AgentRegistry> {
  const { path, explicit, providers } = options
  if (!existsSync(path)) {
    if (explicit) throw new AgentConfigError(`${path}: there is no such file`)
    return createRegistry(defaultConfig, providers)
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
  return createRegistry(checkConfig(module.default, path), providers)
}

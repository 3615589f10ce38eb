import { readVariable, type Config } from '../config.ts'
import { readConfigFile } from '../agent/load-config.ts'
import { createRegistry, type AgentRegistry } from '../agent/registry.ts'
import { StartError } from '../start-error.ts'
import { resolveWebhooks, type Webhook } from '../webhooks/definition.ts'

export type Configured = { agents: AgentRegistry; webhooks: Webhook[] }

/**
 * What the configuration file says. Throws `StartError` for an agent whose provider has no key and for a webhook
 * without its secret, else AgentConfigError.
 */
export async function loadConfigured({ agentConfig, providers }: Config): Promise<Configured> {
  const config = await readConfigFile(agentConfig)
  const agents = await createRegistry(config, providers)
  for (const { id, model } of agents.list()) {
    const provider = model.split('/')[0]
    if (provider !== 'openai' && provider !== 'anthropic') continue
    // A server of one's own behind a base URL may not want a key.
    if (providers[provider].apiKey !== null || providers[provider].baseUrl !== null) continue
    throw new StartError(
      `The agent "${id}" uses ${model}, which needs ${provider.toUpperCase()}_API_KEY; set it, or give the agent another model in ${agentConfig.path}.`,
    )
  }
  return { agents, webhooks: webhooksOf(config.webhooks ?? [], agentConfig.path) }
}

function webhooksOf(definitions: Parameters<typeof resolveWebhooks>[0], path: string): Webhook[] {
  try {
    return resolveWebhooks(definitions, readVariable)
  } catch (error) {
    throw new StartError(`${path}: ${(error as Error).message}.`)
  }
}

import type { Config } from '../config.ts'
import { parseArguments } from '../agent/arguments.ts'
import { loadAgentConfig } from '../agent/load-config.ts'
import type { AgentRegistry } from '../agent/registry.ts'
import { StartError } from '../start-error.ts'
import type { Json } from '../thread/json.ts'

/** The agents of the configuration. Throws `StartError` for an agent whose provider has no key, else AgentConfigError. */
export async function loadAgents({ agentConfig, providers }: Config): Promise<AgentRegistry> {
  const registry = await loadAgentConfig({ ...agentConfig, providers })
  for (const { id, model } of registry.list()) {
    const provider = model.split('/')[0]
    if (provider !== 'openai' && provider !== 'anthropic') continue
    // A server of one's own behind a base URL may not want a key.
    if (providers[provider].apiKey !== null || providers[provider].baseUrl !== null) continue
    throw new StartError(
      `The agent "${id}" uses ${model}, which needs ${provider.toUpperCase()}_API_KEY; set it, or give the agent another model in ${agentConfig.path}.`,
    )
  }
  return registry
}

/** Says what does not fit when one of the tools is given these arguments; null where all fit or there is no such tool. */
export function argumentsCheck(agents: AgentRegistry): (tool_name: string, args: Json) => Promise<string | null> {
  return async (tool_name, args) => {
    const tool = agents.tool(tool_name)
    const parsed = tool === null ? null : await parseArguments(tool_name, tool, args)
    return parsed === null || parsed.ok ? null : parsed.message
  }
}

import { defineConfig } from './src/agent/define-config.ts'
import { exampleTools } from './src/agent/example-tools.ts'

/**
 * Agents and the tools they may use. `model: 'auto'` takes the provider whose key or base URL is set, otherwise a
 * scripted model that needs nothing; see src/agent/define-config.ts for everything that can be said here.
 */
export default defineConfig({
  agents: [
    {
      id: 'default',
      description: 'A general assistant with the example tools.',
      model: 'auto',
      system: 'You are a helpful assistant. Use your tools when they help.',
      tools: ['get_weather', 'sleep', 'send_email', 'ask_user', 'remember', 'remind'],
      limits: { max_steps: 50 },
    },
  ],
  tools: exampleTools,
})

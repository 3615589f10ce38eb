import { defineConfig } from './define-config.ts'
import { exampleTools } from './example-tools.ts'

/** What runs where there is no configuration file. */
export const defaultConfig = defineConfig({
  agents: [
    {
      id: 'default',
      description: 'A general assistant with the example tools.',
      model: 'auto',
      system: 'You are a helpful assistant. Use your tools when they help.',
      tools: Object.keys(exampleTools),
    },
  ],
  tools: exampleTools,
})

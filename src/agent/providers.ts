import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { LanguageModelV4 } from '@ai-sdk/provider'
import { AgentConfigError } from './define-config.ts'
import { createScriptedModel } from './scripted-model.ts'

/** Keys, addresses and preferred models of the providers; null for what is not set. */
export type ProviderAccess = { apiKey: string | null; baseUrl: string | null; model: string | null }
export type ProviderSettings = { openai: ProviderAccess; anthropic: ProviderAccess }
export const NO_PROVIDERS: ProviderSettings = {
  openai: { apiKey: null, baseUrl: null, model: null },
  anthropic: { apiKey: null, baseUrl: null, model: null },
}

const DEFAULT_OPENAI_MODEL = 'gpt-5-mini'
const DEFAULT_ANTHROPIC_MODEL = 'claude-sonnet-4-5'

/** The model that `auto` stands for: the first provider with a key or an address, else the scripted model. */
export function autoModelName({ openai, anthropic }: ProviderSettings): string {
  if (openai.apiKey !== null || openai.baseUrl !== null) return `openai/${openai.model ?? DEFAULT_OPENAI_MODEL}`
  if (anthropic.apiKey !== null || anthropic.baseUrl !== null) return `anthropic/${anthropic.model ?? DEFAULT_ANTHROPIC_MODEL}`
  return 'scripted'
}

/**
 * The model behind a name of the form `provider/model`. Missing keys are no error here: the first call then fails
 * with `auth_failed`. Throws AgentConfigError for an unknown provider and for `compatible/…` without a base URL.
 */
export function createModel(name: string, settings: ProviderSettings): LanguageModelV4 {
  if (name === 'scripted') return createScriptedModel()
  const slash = name.indexOf('/')
  const model = name.slice(slash + 1)
  switch (name.slice(0, Math.max(slash, 0))) {
    case 'openai':
      return openaiModel(model, settings.openai)
    case 'compatible':
      if (settings.openai.baseUrl === null) throw new AgentConfigError(`the model "${name}" needs OPENAI_BASE_URL`)
      return openaiModel(model, settings.openai)
    case 'anthropic': {
      const { apiKey, baseUrl } = settings.anthropic
      return createAnthropic({
        apiKey: apiKey ?? '',
        ...(baseUrl === null ? {} : { baseURL: withVersion(baseUrl) }),
      }).languageModel(model)
    }
    default:
      throw new AgentConfigError(`unknown model "${name}"; a name is "scripted", "openai/…", "anthropic/…" or "compatible/…"`)
  }
}

/** ANTHROPIC_BASE_URL is by custom written without the version, which the AI SDK wants. */
function withVersion(baseUrl: string): string {
  return new URL(baseUrl).pathname === '/' ? new URL('/v1', baseUrl).href : baseUrl
}

/** Servers behind a base URL of one's own speak chat completions; the Responses API is OpenAI's alone. */
function openaiModel(model: string, { apiKey, baseUrl }: ProviderAccess): LanguageModelV4 {
  if (baseUrl === null) return createOpenAI({ apiKey: apiKey ?? '' }).languageModel(model)
  return createOpenAICompatible({
    name: 'openai',
    baseURL: baseUrl,
    includeUsage: true,
    supportsStructuredOutputs: true,
    // The provider fetches images itself; fetching them here would let a client reach what only this machine can.
    supportedUrls: () => ({ 'image/*': [/^https?:\/\//] }),
    ...(apiKey === null ? {} : { apiKey }),
  }).languageModel(model)
}

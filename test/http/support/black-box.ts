import { afterAll, beforeAll, expect } from 'vitest'
import { createClient, type Client } from './client.ts'
import { openService, type BlackBox } from './service.ts'
import { scenes, type Scene } from './threads.ts'

/** The service that a test file asks from the outside: there from its first test to its last, with nothing logged as an error. */
export let service: BlackBox
export let client: Client
export let scene: Scene

beforeAll(async () => {
  service = await openService()
  client = createClient(service.url)
  scene = scenes(client)
})
afterAll(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

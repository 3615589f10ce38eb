import { createRequire } from 'node:module'
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js'
import { Connection, isGrpcServiceError } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendCommandsByCore } from '../../src/temporal/core-commands.ts'

/** What a thread says that hands over. The SDK would wait for seconds before it asks again. */
const BUSY = { code: status.RESOURCE_EXHAUSTED, details: 'Workflow is busy.' }
const METHODS = ['GetSystemInfo', 'ExecuteMultiOperation', 'DescribeWorkflowExecution']

const server = new Server()
const calls: { name: string; library: string }[] = []
let connection: Connection
let core: NativeConnection
let silent = false

beforeAll(async () => {
  const asItIs = (bytes: Buffer): Buffer => bytes
  const definition = METHODS.map((name) => ({
    path: `/temporal.api.workflowservice.v1.WorkflowService/${name}`,
    requestStream: false as const,
    responseStream: false as const,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  }))
  const answer =
    (name: string) =>
    ({ metadata }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      calls.push({ name, library: String(metadata.get('user-agent')[0]) })
      if (name === 'GetSystemInfo') done(null, Buffer.alloc(0))
      else if (!silent) done(BUSY)
    }
  server.addService(
    Object.fromEntries(METHODS.map((name, index) => [name, definition[index]!])),
    Object.fromEntries(METHODS.map((name) => [name, answer(name)])),
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  const address = `127.0.0.1:${String(port)}`
  connection = await Connection.connect({ address })
  core = await NativeConnection.connect({ address })
  sendCommandsByCore(connection, core)
})

afterAll(async () => {
  await core.close()
  await connection.close()
  server.forceShutdown()
})

/** The status that a call ends with, and which calls of the name have arrived, by whose library each. */
async function ask(name: string, call: () => Promise<unknown>): Promise<{ code: number | null; sent: string[] }> {
  const error: unknown = await connection.withDeadline(Date.now() + 3_000, call).catch((cause: unknown) => cause)
  const sent = calls.filter((one) => one.name === name).map(({ library }) => library)
  return { code: isGrpcServiceError(error) ? error.code : null, sent }
}

test('a command goes out once, over the core, and its refusal comes back as it is', async () => {
  const { code, sent } = await ask('ExecuteMultiOperation', () => connection.workflowService.executeMultiOperation({}))
  expect(code).toBe(status.RESOURCE_EXHAUSTED)
  expect(sent).toEqual([expect.stringContaining('tonic')])
})

test('a command that is not answered ends with its deadline', async () => {
  const began = performance.now()
  silent = true
  const { code } = await ask('ExecuteMultiOperation', () => connection.workflowService.executeMultiOperation({}))
  expect([status.CANCELLED, status.DEADLINE_EXCEEDED]).toContain(code)
  expect(performance.now() - began).toBeLessThan(10_000)
})

test('it is the same core that the workers have', () => {
  const require = createRequire(import.meta.url)
  const { dependencies } = require('@temporalio/worker/package.json') as { dependencies: Record<string, string> }
  const { version } = require('@temporalio/core-bridge/package.json') as { version: string }
  expect(dependencies['@temporalio/core-bridge']).toBe(version)
})

test('everything else goes out as before', async () => {
  silent = false
  const { sent } = await ask('DescribeWorkflowExecution', () => connection.workflowService.describeWorkflowExecution({}))
  expect(sent[0]).toContain('grpc-node-js')
})

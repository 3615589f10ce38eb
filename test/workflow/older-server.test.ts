import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Connection } from '@temporalio/client'
import { expect, test } from 'vitest'
import { searchAttributes } from '../../src/program/connection.ts'
import { SEARCH_ATTRIBUTES, serverArguments } from '../../src/temporal/embedded/arguments.ts'
import { startEmbeddedTemporal } from '../../src/temporal/embedded/embedded.ts'
import { claimPort } from '../../src/temporal/embedded/ports.ts'
import { eventually, startEngine } from '../support/engine.ts'
import { temporalCli } from '../support/temporal-cli.ts'

async function ask<T>(address: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address })
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}

test('a server with files of a version that knew fewer search attributes gets the others', async () => {
  const cli = await temporalCli()
  const dataDir = mkdtempSync(join(tmpdir(), 'weft-older-'))
  try {
    const port = await claimPort(0, 'the Temporal server', 'WEFT_TEMPORAL_PORT')
    const args = serverArguments({ databaseFile: join(dataDir, 'temporal.db'), port, uiPort: null, namespace: 'default' })
    const older = args.filter((arg, at) => !arg.startsWith('WeftTenant') && args[at + 1]?.startsWith('WeftTenant') !== true)
    const server = spawn(cli, older, { stdio: 'ignore' })
    try {
      const known = () => ask(`127.0.0.1:${String(port)}`, (connection) => searchAttributes(connection, 'default'))
      const before = await eventually(() => known().then((all) => (all.search_attributes ? all : undefined), () => undefined)) // prettier-ignore
      expect(before).toEqual({ search_attributes: true, tenant_attribute: false })
      // Whoever thinks that it knows them all sends a start that is refused, and then one without.
      const engine = await startEngine({ address: `127.0.0.1:${String(port)}`, cli, settings: { tenant_attribute: false } })
      try {
        expect((await engine.run(await engine.say('older', 'hi', { agent_id: 'default' }))).status).toBe('done')
      } finally {
        await engine.close()
      }
    } finally {
      const ended = once(server, 'exit')
      server.kill('SIGTERM')
      await ended
    }
    const now = await startEmbeddedTemporal({ cli, dataDir, port: 0, uiPort: null })
    try {
      const all = await ask(now.address, (connection) =>
        connection.operatorService.listSearchAttributes({ namespace: 'default' }),
      )
      expect(Object.keys(all.customAttributes ?? {})).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)))
    } finally {
      await now.stop()
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}, 60_000)

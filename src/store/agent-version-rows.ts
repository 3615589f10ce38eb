import type { Database } from './database.ts'
import { toJsonText } from './json-text.ts'
import type { AgentVersionRows } from './store.ts'

export function agentVersionRows(database: Database): AgentVersionRows {
  return {
    save: async (versions) => {
      if (versions.length === 0) return
      const rows = versions.map((row) => ({ ...row, spec: toJsonText(row.spec) }))
      await database.run((db) =>
        db
          .insertInto('weft.agent_versions')
          .values(rows)
          .onConflict((conflict) => conflict.column('version').doNothing())
          .execute(),
      )
    },
    get: async (version) =>
      (await database.run((db) =>
        db.selectFrom('weft.agent_versions').select(['agent_id', 'spec']).where('version', '=', version).executeTakeFirst(),
      )) ?? null,
  }
}

import type { Database } from './database.ts'
import { listLost, readFacts, survey } from './repair-read.ts'
import { noteLost, noteRestored, restoreEvents, restoreHead, restoreMessages } from './repair-write.ts'
import { pruneCommands, pruneStaged, retain } from './retention.ts'
import type { RepairRows } from './store.ts'

export function repairRows(database: Database): RepairRows {
  return {
    tenants: async () => {
      const rows = await database.run((db) => db.selectFrom('weft.threads').select('tenant').distinct().execute())
      return rows.map(({ tenant }) => tenant)
    },
    survey: (tenant, page) => survey(database, tenant, page),
    facts: (ref) => readFacts(database, ref),
    restoreEvents: (ref, events) => restoreEvents(database, ref, events),
    restoreMessages: (ref, messages) => restoreMessages(database, ref, messages),
    restoreHead: (ref, head) => restoreHead(database, ref, head),
    noteLost: (ref, lost) => noteLost(database, ref, lost),
    noteRestored: (ref, lost) => noteRestored(database, ref, lost),
    listLost: (tenant, filter) => listLost(database, tenant, filter),
    retain: (tenant, page) => retain(database, tenant, page),
    pruneStaged: (tenant, limit) => pruneStaged(database, tenant, limit),
    pruneCommands: (tenant, before, limit) => pruneCommands(database, tenant, before, limit),
  }
}

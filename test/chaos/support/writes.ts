import type { KyselyPlugin, RootOperationNode } from 'kysely'

const CHANGES = new Set(['InsertQueryNode', 'UpdateQueryNode', 'DeleteQueryNode', 'MergeQueryNode'])
const CHANGING = /\b(insert|delete|truncate|create|alter|drop|notify|nextval|(?<!for (no key )?)update)\b/i

/** The same way to the tables, which tells of every statement that is there to change something, should it find nothing to change. */
export function onWrite<T extends { withPlugin(plugin: KyselyPlugin): unknown }>(db: T, wrote: () => void): T {
  const plugin: KyselyPlugin = {
    transformQuery({ node }) {
      if (changes(node)) wrote()
      return node
    },
    transformResult: ({ result }) => Promise.resolve(result),
  }
  return db.withPlugin(plugin) as T
}

/** Looks through the whole tree: an insert may stand inside a select. */
function changes(node: RootOperationNode | object): boolean {
  if ('kind' in node && CHANGES.has(String(node.kind))) return true
  if ('sqlFragments' in node && CHANGING.test((node.sqlFragments as string[]).join('?'))) return true
  return Object.values(node).some((part: unknown) =>
    Array.isArray(part)
      ? part.some((one: unknown) => typeof one === 'object' && one !== null && changes(one))
      : typeof part === 'object' && part !== null && 'kind' in part && changes(part),
  )
}

import { groupBy } from './group.ts'
import type { HttpContext } from './options.ts'
import { PROBLEMS } from './problems.ts'
import type { Route } from './route.ts'

/** Two plain pages without scripts, so that they need nothing from anywhere. */

const STYLE =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}'

/** The routes by tag, and how operators reach the same threads. */
export function docsPage(routes: readonly Route[], context: HttpContext): string {
  const byTag = groupBy(routes, ({ tag }) => tag)
  const tables = [...byTag].map(([tag, of]) => {
    const rows = of.map(
      ({ method, path, summary }) =>
        `<tr><td><code>${method.toUpperCase()}</code></td><td><code>${escape(path)}</code></td><td>${escape(summary)}</td></tr>`,
    )
    return `<h2>${escape(tag)}</h2><table>${rows.join('')}</table>`
  })
  const { temporal } = context
  const cli =
    temporal === null
      ? ''
      : `<h2>From the command line</h2><p>A thread's JSON carries its <code>workflow_id</code>:</p><pre>${escape(
          `${temporal.cli} workflow describe --address ${temporal.address} --namespace ${temporal.namespace} --workflow-id '<workflow_id>'`,
        )}</pre>`
  const intro = `<p>Version ${escape(context.version)}. The whole contract: <a href="/openapi.json">/openapi.json</a>; <a href="/docs/errors">error codes</a>.</p>`
  return document('Weft', `<h1>Weft</h1>${intro}${tables.join('')}${cli}`)
}

/** Every error code with its status: where the `type` of a problem document leads. */
export function errorsPage(): string {
  const rows = Object.entries(PROBLEMS).map(
    ([code, { status, title }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${String(status)}</td><td>${escape(title)}</td></tr>`,
  )
  return document(
    'Weft error codes',
    `<h1>Error codes</h1><p>The <code>detail</code> of an answer says what to do.</p><table>${rows.join('')}</table>`,
  )
}

function document(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><style>${STYLE}</style><body>${body}</body></html>`
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${String(sign.charCodeAt(0))};`)
}

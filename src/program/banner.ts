/** Where everything is, once it is healthy; null for what this process does not have. The JSON line of `--json`. */
export type ProgramFacts = {
  /** `http://host:port` */
  api: string | null
  /** `host:port` */
  temporal: string
  temporal_ui: string | null
  /** Path of the `temporal` program. */
  temporal_cli: string | null
  pid: number
}

/** What a person sees who starts the program: where to look, and the two commands to try first. */
export function banner({ api, temporal, temporal_ui, temporal_cli }: ProgramFacts, version: string, notes: string[]): string {
  const lines = ['', `Weft ${version} is running. Ctrl-C stops it.`, '']
  if (api !== null) lines.push(`  API          ${api}   (documentation: ${api}/docs)`)
  lines.push(`  Temporal     ${temporal}`)
  if (temporal_ui !== null) lines.push(`  Temporal UI  ${temporal_ui}`)
  lines.push(...notes.map((note) => `  Note: ${note}`))
  if (api !== null) {
    lines.push('', 'Run an agent and watch it:', '')
    lines.push(`  curl -N ${api}/v1/runs -H 'content-type: application/json' \\`)
    lines.push(`    -d '{"agent_id":"default","thread_id":"demo","messages":[{"role":"user","content":"Hello"}]}'`)
    lines.push('', 'Approve a tool call that waits for a person (without a model provider, this message makes one wait:', '')
    lines.push(
      '  /tool send_email {"to":"ada@example.com","subject":"Hi","body":"there"}',
      '',
      'and the stream shows its tool_call_id):',
      '',
    )
    lines.push(`  curl ${api}/v1/threads/demo/decision -H 'content-type: application/json' \\`)
    lines.push(`    -d '{"tool_call_id":"…","action":"resume"}'`)
    lines.push('', 'The same from the command line of Temporal:', '')
    lines.push(`  ${temporal_cli ?? 'temporal'} workflow signal --address ${temporal} --workflow-id default/demo \\`)
    lines.push(`    --name decision --input '{"tool_call_id":"…","action":"resume"}'`)
  }
  return `${lines.join('\n')}\n\n`
}

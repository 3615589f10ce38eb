/** Does nothing, so that only the engine costs. */
export function echo(text: string): Promise<string> {
  return Promise.resolve(text)
}

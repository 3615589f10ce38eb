/** The ports whose every method is a point, in the order in which they stand on each other. */
const PORTS = ['database', 'engine', 'threads', 'conversation', 'bus', 'gateway', 'activities'] as const

/** All their methods as `<port>.<method>`. */
export function portsOf(from: { [K in (typeof PORTS)[number]]: object }): string[] {
  return PORTS.flatMap((name) =>
    Object.keys(from[name])
      .filter((key) => typeof Reflect.get(from[name], key) === 'function')
      .map((key) => `${name}.${key}`),
  ).sort()
}

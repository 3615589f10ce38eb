/** What a principal may do: each role may do all that the ones before it may. */
export const ROLES = ['reader', 'user', 'approver', 'operator'] as const
export type Role = (typeof ROLES)[number]

export function isRole(value: unknown): value is Role {
  return ROLES.includes(value as Role)
}

/** Whether who has one role may do what asks for another. */
export function mayAct(has: Role, needed: Role): boolean {
  return ROLES.indexOf(has) >= ROLES.indexOf(needed)
}

/** Part of every workflow id, where a slash ends it. */
const TENANT = /^[A-Za-z0-9_.-]{1,64}$/

export function isTenant(value: unknown): value is string {
  return typeof value === 'string' && TENANT.test(value)
}

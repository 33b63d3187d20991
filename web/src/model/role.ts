// What a session may do: each role what those before it may.
import type * as wire from '../api/wire';

const ROLES = ['read', 'submit', 'operate', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What is not said is the least. */
export function roleOf(caller: wire.GetCallerResponse): Role {
  return ROLES.find((role) => caller.role === `ACCESS_${role.toUpperCase()}`) ?? 'read';
}

export function may(role: Role | undefined, needed: Role): boolean {
  return role !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

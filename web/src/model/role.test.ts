import { describe, expect, it } from 'vitest';
import { may, roleOf } from './role';

describe('roles', () => {
  it('are what the farm says, and the least of all if it says nothing', () => {
    expect(roleOf({ role: 'ACCESS_OPERATE' })).toBe('operate');
    expect(roleOf({ role: 'ACCESS_ADMIN' })).toBe('admin');
    expect(roleOf({ role: 'ACCESS_SUBMIT' })).toBe('submit');
    expect(roleOf({})).toBe('read');
  });
  it('may what those before them may', () => {
    expect(may('operate', 'submit')).toBe(true);
    expect(may('admin', 'operate')).toBe(true);
    expect(may('submit', 'operate')).toBe(false);
    expect(may('read', 'read')).toBe(true);
    expect(may(undefined, 'read')).toBe(false);
  });
});

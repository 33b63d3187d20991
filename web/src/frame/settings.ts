// What a person chose on this machine: light or dark, and the zone of times.
import { useSyncExternalStore } from 'preact/compat';
import type { Zone } from '../format/time';

const listeners = new Set<() => void>();

function read(name: string): string {
  try {
    return localStorage.getItem(name) ?? '';
  } catch {
    return '';
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // It holds until the page is closed.
  }
  listeners.forEach((listener) => listener());
}

let zone: Zone = read('zone') === 'utc' ? 'utc' : 'local';

export function useZone(): Zone {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => zone,
  );
}

export function currentZone(): Zone {
  return zone;
}

export function toggleZone(): void {
  zone = zone === 'utc' ? 'local' : 'utc';
  write('zone', zone);
}

export function applyTheme(): void {
  const theme = read('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
}

export function toggleTheme(): void {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme:dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  write('theme', root.dataset.theme);
}

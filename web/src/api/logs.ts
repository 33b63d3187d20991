// Consoles of executions: stretches by offset, search on the server.
import { useQuery } from '@tanstack/preact-query';
import type * as wire from './wire';
import { apiUrl, getJson } from './client';
import type { LogLine, LogPage } from '../model/types';
import { integer, time } from './decode';

function line(value: wire.LogLine): LogLine {
  return { number: integer(value.number), time: time(value.time), text: value.cut ? `${value.text ?? ''} …` : (value.text ?? '') };
}

function page(value: wire.ListLogLinesResponse): LogPage {
  return {
    lines: (value.lines ?? []).map(line),
    total: integer(value.totalLines),
    next: integer(value.nextOffset),
    more: value.more ?? false,
    running: value.running ?? false,
  };
}

const pathOf = (execution: string) => `executions/${encodeURIComponent(execution)}/log`;

export async function readLog(execution: string, offset: number, limit: number, signal?: AbortSignal): Promise<LogPage> {
  return page(await getJson<wire.ListLogLinesResponse>(pathOf(execution), { offset, limit }, signal));
}

export const MOST_MATCHES = 5000;

/** Lines that match, over the whole console; the server looks at a bounded stretch at a time. */
export async function searchLog(execution: string, search: string, regex: boolean, signal?: AbortSignal): Promise<{ lines: LogLine[]; more: boolean }> {
  const lines: LogLine[] = [];
  let offset = 0;
  for (let round = 0; round < 200; round += 1) {
    const query = { search, regex: regex ? 'true' : undefined, offset, limit: MOST_MATCHES };
    const found = page(await getJson<wire.ListLogLinesResponse>(pathOf(execution), query, signal));
    lines.push(...found.lines);
    if (!found.more || lines.length >= MOST_MATCHES || found.next <= offset) return { lines, more: found.more };
    offset = found.next;
  }
  return { lines, more: true };
}

export function downloadUrl(execution: string): string {
  return apiUrl(pathOf(execution), { download: 'true' });
}

/** The last lines: what a failure says. */
export function useLogTail(execution: string, count: number) {
  return useQuery({
    queryKey: ['tail', execution, count],
    queryFn: async ({ signal }) => {
      const { total } = await readLog(execution, 0, 1, signal);
      return readLog(execution, Math.max(0, total - count), count, signal);
    },
    enabled: execution !== '',
    staleTime: Infinity,
  });
}

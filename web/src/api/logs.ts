// Consoles of executions: stretches by offset, search on the server.
import { useQuery } from '@tanstack/preact-query';
import { getJson } from './client';
import type { LogLine, LogPage } from '../model/types';
import { integer } from './decode';

interface WireLine {
  number?: string | number;
  time?: string;
  text?: string;
}

interface WirePage {
  lines?: WireLine[];
  total?: string | number;
  more?: boolean;
}

export function decodeLine(line: WireLine): LogLine {
  return { number: integer(line.number), time: integer(line.time) / 1e6, text: line.text ?? '' };
}

function decodePage(page: WirePage): LogPage {
  return { lines: (page.lines ?? []).map(decodeLine), total: integer(page.total), more: page.more ?? false };
}

export async function readLog(execution: string, offset: number, limit: number, signal?: AbortSignal): Promise<LogPage> {
  return decodePage(await getJson<WirePage>(`executions/${encodeURIComponent(execution)}/log`, { offset, limit }, signal));
}

export async function searchLog(execution: string, text: string, signal?: AbortSignal): Promise<LogPage> {
  return decodePage(await getJson<WirePage>(`executions/${encodeURIComponent(execution)}/log`, { search: text, limit: 5000 }, signal));
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

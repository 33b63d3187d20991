// Matches and errors of a whole console, found on the server.
import { useQuery } from '@tanstack/preact-query';
import { searchLog } from '../../api/logs';
import { ansiText, looksLikeError } from '../../model/ansi';

export interface Found {
  numbers: number[];
  more: boolean;
}

const ERROR_WORDS = '(?i)\\b(error|fatal|failed|exception|traceback)\\b';

export function useMatches(execution: string, text: string) {
  return useQuery({
    queryKey: ['matches', execution, text],
    queryFn: async ({ signal }): Promise<Found> => {
      const found = await searchLog(execution, text, false, signal);
      return { numbers: found.lines.map((line) => line.number), more: found.more };
    },
    enabled: execution !== '' && text.length > 0,
    staleTime: 30_000,
  });
}

export function useErrors(execution: string) {
  return useQuery({
    queryKey: ['errors', execution],
    queryFn: async ({ signal }): Promise<Found> => {
      const found = await searchLog(execution, ERROR_WORDS, true, signal);
      return { numbers: found.lines.filter((line) => looksLikeError(ansiText(line.text))).map((line) => line.number), more: found.more };
    },
    enabled: execution !== '',
    staleTime: 30_000,
  });
}

/** The next of `numbers` behind `at`, round and round. */
export function nextOf(numbers: readonly number[], at: number, by: 1 | -1): number | undefined {
  if (numbers.length === 0) return undefined;
  if (by === 1) return numbers.find((number) => number > at) ?? numbers[0];
  return [...numbers].reverse().find((number) => number < at) ?? numbers[numbers.length - 1];
}

// Executions are named by their order: the first one counts.
const ORDINALS = ['First', 'Second', 'Third', 'Fourth', 'Fifth', 'Sixth', 'Seventh', 'Eighth'];

export function ordinal(i: number): string {
  return ORDINALS[i] ?? `Execution ${i + 1}`;
}

// The filter's text as words, to show and to toggle them. What they mean is the farm's (docs/api.md, "Filters").

export interface FilterWord {
  not: boolean;
  /** Empty: a plain word. */
  field: string;
  text: string;
}

/** Blanks part words, but not between double quotes; a quote that is not closed goes to the end. */
export function parseFilter(text: string): FilterWord[] {
  const words = text.match(/(?:"(?:\\.|[^"\\])*(?:"|$)|\S)+/g) ?? [];
  return words.map((word) => {
    const found = /^(-?)([^":<>,\s]+)[:<>]/.exec(word);
    return { not: word.startsWith('-'), field: (found?.[2] ?? '').toLowerCase(), text: word };
  });
}

/** Puts a word into the text or takes it out; another word of its field gives way. */
export function toggleWord(text: string, word: string): string {
  const words = parseFilter(text);
  const [wanted] = parseFilter(word);
  if (words.some((each) => each.text === word)) return words.filter((each) => each.text !== word).map((each) => each.text).join(' ');
  const others = words.filter((each) => !wanted?.field || each.field !== wanted.field);
  return [...others.map((each) => each.text), word].join(' ');
}

// The levels at which images and their builds are compared: the words and phrases of the terminal (common/words/levels).

/** The strictest first. */
export const LEVELS: readonly { word: string; phrase: string }[] = [
  { word: 'index', phrase: 'the index with all its images is the same' },
  { word: 'image', phrase: 'the whole image is the same' },
  { word: 'config', phrase: 'config and layers are the same' },
  { word: 'blobs', phrase: 'the layers are the same, as they are compressed too' },
  { word: 'layers', phrase: 'all layers are the same' },
  { word: 'entries', phrase: 'only times of files differ' },
  { word: 'root', phrase: 'the file system is the same, times of files apart: what else differs was removed again, but is in the layers' },
  {
    word: 'contents',
    phrase: 'what is in the files is the same, only how it is packed differs: times, order and headers in archives, compression, times in compiled Python',
  },
  { word: 'exports', phrase: 'what stages copy from each other is the same' },
  { word: 'none', phrase: 'nothing of it is known to be the same' },
];

function place(word: string): number {
  // The word of records of before "entries".
  return LEVELS.findIndex((each) => each.word === (word === 'manifests' ? 'entries' : word));
}

export function levelPhrase(word: string): string {
  return LEVELS[place(word)]?.phrase ?? `the same up to: ${word}`;
}

/** Of a build by those of its cells: the least strict; "index" if all are "image". Empty if it is not known of one. */
export function levelOfBuild(cells: readonly string[]): string {
  const places = cells.map(place);
  if (places.length === 0 || places.includes(-1)) return '';
  const word = LEVELS[Math.max(...places)]?.word ?? '';
  return word === 'image' ? 'index' : word;
}

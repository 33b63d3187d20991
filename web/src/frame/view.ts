// What every view does when it comes: title, idle words of the reading line, the top of the page.
import { useEffect } from 'preact/hooks';
import { setIdleWords } from './ReadingLine';

export function useView(title: string, say: string, keys?: string): void {
  useEffect(() => {
    document.title = `${title} · Crossmill`;
    setIdleWords(title, say, keys);
  }, [title, say, keys]);
}

// What a page needs before it is printed: folds open, so that nothing is left out, and close again behind it.

function open(): HTMLDetailsElement[] {
  const closed = [...document.querySelectorAll<HTMLDetailsElement>('details:not([open])')];
  for (const fold of closed) fold.open = true;
  return closed;
}

/** Follows whether the page is shown on paper, by the browser's command or in a preview. Returns what ends it. */
export function listenToPrint(): () => void {
  const paper = matchMedia('print');
  let opened: HTMLDetailsElement[] = [];
  const change = () => {
    if (paper.matches) opened = [...opened, ...open()];
    else for (const fold of opened.splice(0)) fold.open = false;
  };
  paper.addEventListener('change', change);
  return () => paper.removeEventListener('change', change);
}

// The chain of steps as two threads that part where bytes differ; grey where it stays outside the image.
import type { ChainLink } from '../../model/compare';

const STEP = 200;

/** The second thread: along the first, away from it within a step that differs. */
function threads(links: readonly ChainLink[]): { straight: string; bends: { d: string; reaches: boolean }[] } {
  let straight = '';
  const bends: { d: string; reaches: boolean }[] = [];
  let from = 0;
  links.forEach((link, i) => {
    if (link.kind !== 'outside' && link.kind !== 'reaches') return;
    const x = i * STEP;
    const deep = link.kind === 'reaches' ? 72 : 58;
    if (x + 20 > from) straight += `M${from} 46H${x + 20}`;
    bends.push({
      reaches: link.kind === 'reaches',
      d: `M${x + 20} 46C${x + 60} 46 ${x + 50} ${deep} ${x + 100} ${deep}S${x + 140} 46 ${x + 180} 46`,
    });
    from = x + 180;
  });
  straight += `M${from} 46H${links.length * STEP}`;
  return { straight, bends };
}

function sayAll(links: readonly ChainLink[]): string {
  return links.map((link) => `step ${link.number} ${link.instruction}: ${link.note}`).join(', ');
}

export function Threads({ links }: { links: readonly ChainLink[] }) {
  const { straight, bends } = threads(links);
  const width = links.length * STEP;
  const columns = { gridTemplateColumns: `repeat(${links.length},minmax(0,1fr))` };
  return (
    <div class="chain" role="img" aria-label={sayAll(links)}>
      <div class="chainrow" style={columns}>
        {links.map((link) => (
          <span key={link.number} class={link.current ? 'b' : 'i2'} data-note={link.note}>
            {link.number}{' '}
            <span class="m">
              {link.instruction} {link.word}
            </span>
          </span>
        ))}
      </div>
      <svg class="thr" viewBox={`0 20 ${width} 60`} preserveAspectRatio="none" aria-hidden="true">
        <path class="l" vector-effect="non-scaling-stroke" d={`M0 40H${width}`} />
        <path class="l" vector-effect="non-scaling-stroke" d={straight} />
        {bends.map((bend) => (
          <path key={bend.d} class={bend.reaches ? 'd' : 'l o'} vector-effect="non-scaling-stroke" d={bend.d} />
        ))}
      </svg>
      <div class="chainrow low" style={columns}>
        {links.map((link) => (
          <span key={link.number} class={link.kind === 'reaches' ? 'ne b' : 'i3'}>
            {link.note}
          </span>
        ))}
      </div>
    </div>
  );
}

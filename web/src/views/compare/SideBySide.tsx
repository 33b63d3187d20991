// One place of a file as the two executions, builds or platforms have it, with what differs marked.
import type { Example } from '../../model/types';
import { differingPart } from '../../model/compare';

function Side({ title, offset, before, mark, after }: { title: string; offset: number; before: string; mark: string; after: string }) {
  return (
    <div>
      <header>{title}</header>
      <pre tabIndex={0} aria-label={title}>
        <span class="e">
          <i class="k">{offset.toString(16).padStart(4, '0')} </i>
          {before}
          <mark>{mark}</mark>
          {after}
        </span>
      </pre>
    </div>
  );
}

/** Nothing where the record holds neither side. */
export function SideBySide({ example, titles }: { example: Example; titles: readonly [string, string] }) {
  if (!example.first && !example.second) return null;
  const part = differingPart(example.first, example.second);
  return (
    <div class="sbs">
      <Side title={titles[0]} offset={example.firstOffset} before={part.before} mark={part.first} after={part.after} />
      <Side title={titles[1]} offset={example.secondOffset} before={part.before} mark={part.second} after={part.after} />
    </div>
  );
}

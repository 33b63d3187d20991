// What was given otherwise to the second of two builds. Bases and sources by digest, lines and files by what became of them.
import type { ComponentChildren } from 'preact';
import type { BaseChange, Changes } from '../../model/pair';
import { changesOf } from '../../model/pair';
import { count, shortDigest } from '../../format/number';
import { Glyph } from '../../parts/Glyph';
import { Section } from '../../parts/Section';

function Part({ title, note, children }: { title: string; note?: string; children: ComponentChildren }) {
  return (
    <div class="chg">
      <h3>
        {title} {note && <span class="i3">{note}</span>}
      </h3>
      <ul class="plain">{children}</ul>
    </div>
  );
}

function Sides({ change }: { change: BaseChange }) {
  return (
    <li data-at={change.reference} data-say={`${change.before || 'none'} · ${change.now || 'none'}`}>
      <code>{change.reference}</code> <span class="m i2">{change.before ? shortDigest(change.before) : 'not used'}</span> <Glyph name="drift" tone="drift" label="and" />{' '}
      <span class="m">{change.now ? shortDigest(change.now) : 'not used'}</span>
    </li>
  );
}

function Lines({ changes }: { changes: Changes }) {
  return (
    <Part title="Lines of the Dockerfile" note={changes.linesTotal > changes.lines.length ? `${count(changes.linesTotal)}, the first ${count(changes.lines.length)} of them` : undefined}>
      {changes.lines.map((line, i) => (
        <li key={i} class="m">
          <span class="i3">{line.now || line.before}</span> <b>{line.now === 0 ? '-' : '+'}</b> {line.text}
        </li>
      ))}
    </Part>
  );
}

function Files({ changes }: { changes: Changes }) {
  return (
    <Part title="Files of the context" note={changes.contextTotal > changes.context.length ? `${count(changes.contextTotal)}, the first ${count(changes.context.length)} of them` : undefined}>
      {changes.context.map((each) => (
        <li key={`${each.kind} ${each.path}`}>
          <code>{each.path || 'the context itself'}</code> <span class="i2">{each.kind}</span>
        </li>
      ))}
      {changes.contextProblem && <li class="i2">{changes.contextProblem}</li>}
    </Part>
  );
}

function Packages({ changes }: { changes: Changes }) {
  return (
    <Part title="Packages">
      {changes.packages.map((each) => (
        <li key={`${each.platform} ${each.name} ${each.kind}`}>
          <b>{each.name}</b> {[each.versionBefore, each.version].filter(Boolean).join(' → ')} <span class="i2">{[each.outcomeBefore, each.outcome].filter((word) => word !== 'unknown').join(' → ')}</span> <span class="i3">{each.kind}</span>
        </li>
      ))}
    </Part>
  );
}

export function ChangesSection({ changes, second }: { changes?: Changes; second: number }) {
  if (!changes || !changesOf(changes)) return <p class="i3 chgn">No input that is recorded differs.</p>;
  return (
    <Section id="changes" title="Given otherwise" note={`to build ${second}`}>
      <div class="chgs">
        {changes.bases.length > 0 && <Part title="Bases">{changes.bases.map((each) => <Sides key={each.reference} change={each} />)}</Part>}
        {changes.sources.length > 0 && <Part title="Remote sources">{changes.sources.map((each) => <Sides key={each.reference} change={each} />)}</Part>}
        {changes.lines.length > 0 && <Lines changes={changes} />}
        {(changes.context.length > 0 || changes.contextProblem) && <Files changes={changes} />}
        {changes.packages.length > 0 && <Packages changes={changes} />}
        {changes.arguments.length > 0 && <Part title="Build arguments">{changes.arguments.map((name) => <li key={name}><code>{name}</code></li>)}</Part>}
        {changes.others.length > 0 && <Part title="Besides">{changes.others.map((text) => <li key={text}>{text}</li>)}</Part>}
      </div>
    </Section>
  );
}

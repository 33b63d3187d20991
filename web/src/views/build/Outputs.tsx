// The images of a build by digest, and the bases that they stand on.
import type { Base, Build } from '../../model/types';
import { shortPlatform } from '../../model/build';
import { bytes, shortDigest } from '../../format/number';
import { Digest } from '../../parts/Digest';

interface Line {
  name: string;
  what: string;
  digest: string;
  note: string;
  say: string;
}

function outputLines(build: Build): Line[] {
  const lines: Line[] = [];
  const done = build.cells.filter((cell) => cell.imageDigest);
  const name = build.options.tags[0] ?? 'image';
  if (build.indexDigest && done.length > 0) {
    const total = done.reduce((sum, cell) => sum + cell.imageBytes, 0);
    lines.push({ name, what: 'index', digest: build.indexDigest, note: bytes(total), say: `${build.options.tags.join(', ') || name} · ${build.indexDigest}` });
  }
  for (const cell of done) {
    lines.push({ name: lines.length === 0 ? name : '', what: shortPlatform(cell.platform), digest: cell.imageDigest, note: bytes(cell.imageBytes), say: `${cell.platform} · ${cell.imageDigest}` });
  }
  return lines;
}

function baseLines(bases: readonly Base[]): Line[] {
  const byName = new Map<string, Base[]>();
  for (const base of bases) byName.set(base.reference, [...(byName.get(base.reference) ?? []), base]);
  return [...byName].map(([name, mine]) => {
    const [first] = mine as [Base];
    const same = mine.every((base) => base.digest === first.digest);
    return {
      name,
      what: mine.length === 1 ? shortPlatform(first.platform) : `${mine.length} platforms`,
      digest: first.digest,
      note: first.standIn ? 'stand-in' : first.bytes > 0 ? bytes(first.bytes) : '',
      say: mine.map((base) => `${base.platform} ${same ? base.digest : shortDigest(base.digest)}`).join(' · '),
    };
  });
}

export function Outputs({ build }: { build: Build }) {
  const outputs = outputLines(build);
  const lines = [...outputs, ...baseLines(build.bases)];
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="outputs and bases">
      <table class="sz">
        <caption class="vh">Images and bases by digest</caption>
        <tbody>
          {lines.map((line, i) => (
            <tr key={i} data-at={line.name || line.what} data-say={line.say}>
              <td class="nw">{i < outputs.length ? <b>{line.name}</b> : line.name}</td>
              <td class="i2 nw">{line.what}</td>
              <td class="m nw">
                <Digest digest={line.digest} />
              </td>
              <td class="r i3 nw hz">{line.note}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

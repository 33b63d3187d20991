// One question as lines over days, drawn as SVG: direct labels, gaps where nothing ran, the day in hand in all plots.
import type { Plot, Series } from '../../model/trends';
import { instant } from '../../format/time';

const LEFT = 34;
const RIGHT = 334;
const TOP = 20;
const BOTTOM = 120;

interface FigureProps {
  plot: Plot;
  days: readonly number[];
  day: number | undefined;
  setDay: (day: number | undefined) => void;
}

function figure(value: number, unit: string): string {
  const text = value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
  return unit ? `${text} ${unit}` : text;
}

/** Pieces of the line between gaps; a day alone is a dot. */
function linePath(series: Series, x: (i: number) => number, y: (value: number) => number): string {
  let path = '';
  series.values.forEach((value, i) => {
    if (value === undefined) return;
    const before = i > 0 ? series.values[i - 1] : undefined;
    const after = series.values[i + 1];
    const here = `${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    path += before === undefined ? `M${here}${after === undefined ? 'h0.01' : ''}` : `L${here}`;
  });
  return path;
}

/** Labels at the right keep ten units from each other. */
function labels(plot: Plot, y: (value: number) => number): { series: Series; y: number; text: string }[] {
  const list = plot.series.map((series) => {
    const last = [...series.values].reverse().find((value) => value !== undefined) ?? 0;
    return { series, y: y(last) + 4, text: series.name || figure(last, plot.unit) };
  });
  list.sort((a, b) => a.y - b.y);
  list.forEach((label, i) => {
    const before = list[i - 1];
    if (before && label.y < before.y + 12) label.y = before.y + 12;
  });
  return list;
}

export function PlotFigure({ plot, days, day, setDay }: FigureProps) {
  const x = (i: number) => LEFT + ((RIGHT - LEFT) * i) / Math.max(1, days.length - 1);
  const y = (value: number) => BOTTOM - ((BOTTOM - TOP) * value) / plot.most;
  const now = days[days.length - 1] ?? 0;
  const words = (i: number) => plot.series.map((series) => `${series.name || plot.title.toLowerCase()} ${series.values[i] === undefined ? 'nothing ran' : figure(series.values[i] ?? 0, plot.unit)}`).join(' · ');
  const width = (RIGHT - LEFT) / Math.max(1, days.length - 1);
  const date = (i: number) => instant(days[i] ?? 0, now + 400 * 86_400_000).replace(/ \d{4}$/, '');
  return (
    <figure>
      <figcaption>
        <b>{plot.title}</b> {plot.note}
      </figcaption>
      <svg viewBox="0 0 420 138" class="tr" role="img" aria-label={`${plot.title} ${plot.note}; newest: ${words(days.length - 1)}`}>
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <path class="gl" d={`M0 ${y(plot.most * share)}H420`} />
            <text class="ax" x={0} y={y(plot.most * share) - 3}>
              {figure(plot.most * share, plot.unit)}
            </text>
          </g>
        ))}
        {day !== undefined && <path class="dayl" d={`M${x(day)} ${TOP}V${BOTTOM}`} />}
        {plot.series.map((series) => (
          <path key={series.name} class={`sl-${series.tone || 'ink'}${series.dashed ? ' dash' : ''}`} d={linePath(series, x, y)} />
        ))}
        {labels(plot, y).map((label) => (
          <text key={label.text} class={`lb2 lbt-${label.series.tone || 'ink'}`} x={RIGHT + 6} y={label.y}>
            {label.text}
          </text>
        ))}
        {[0, Math.floor((days.length - 1) / 2), days.length - 1].map((i, k) => (
          <text key={k} class="ax" x={x(i)} y={134} text-anchor={k === 0 ? 'start' : k === 1 ? 'middle' : 'end'}>
            {date(i)}
          </text>
        ))}
        {days.map((_, i) => (
          <rect key={i} class="hit" x={x(i) - width / 2} y={TOP} width={width} height={BOTTOM - TOP} data-at={date(i)} data-say={words(i)} onPointerEnter={() => setDay(i)} />
        ))}
      </svg>
    </figure>
  );
}

// Builds, failures, verdicts and hours over days: small multiples on one time axis.
import { useMemo, useState } from 'preact/hooks';
import { useTrends } from '../../api/queries';
import { trendsOf, trendsSentence } from '../../model/trends';
import { setIdleWords } from '../../frame/ReadingLine';
import { setQuery, usePlace } from '../../frame/router';
import { useView } from '../../frame/view';
import { Lede } from '../../parts/Lede';
import { Empty, Failed, Loading } from '../../parts/states';
import { PlotFigure } from './PlotFigure';

const SPANS = [
  { key: '7d', days: 7, weekly: false, label: '7 days', words: 'seven days' },
  { key: '', days: 28, weekly: false, label: '4 weeks', words: 'four weeks' },
  { key: '90d', days: 90, weekly: false, label: '90 days', words: '90 days' },
  { key: '1y', days: 364, weekly: true, label: '1 year', words: 'a year' },
] as const;

export function TrendsView() {
  useView('Trends', 'Left and Right move the day in all plots at once.');
  const place = usePlace();
  const span = SPANS.find((each) => each.key === (place.query.get('since') ?? '')) ?? SPANS[1];
  const [day, setDay] = useState<number>();
  const query = useTrends(span.days, span.weekly);
  const trends = useMemo(() => (query.data ? trendsOf(query.data) : undefined), [query.data]);
  if (query.error && !trends) return <Failed error={query.error} what="The sums of builds" retry={() => void query.refetch()} />;
  if (!trends) return <Loading rows={10} />;
  const move = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const next = Math.min(trends.days.length - 1, Math.max(0, (day ?? trends.days.length) + by));
    setDay(next);
    const date = new Date(trends.days[next] ?? 0).toDateString();
    const words = trends.plots.flatMap((plot) => plot.series.map((series) => `${series.name || plot.title.toLowerCase()} ${series.values[next] === undefined ? '–' : Math.round((series.values[next] ?? 0) * 10) / 10}${plot.unit ? ` ${plot.unit}` : ''}`));
    setIdleWords(date, words.join(' · '), '');
  };
  return (
    <>
      <Lede sentence={trendsSentence(trends, span.words)} />
      <div class="filt" role="group" aria-label="Span">
        {SPANS.map((each) => (
          <button key={each.label} class="btn" type="button" aria-pressed={each === span} onClick={() => setQuery({ since: each.key || undefined })}>
            {each.label}
          </button>
        ))}
        <span class="i3">
          all images, by {span.weekly ? 'week' : 'day'}
        </span>
      </div>
      {trends.plots.length === 0 ? (
        <Empty command="crossmill build --verify 2 .">Plots stand here when something was built in these days.</Empty>
      ) : (
        <div class="sm5" role="group" aria-label="Plots; left and right arrow keys move the day" tabIndex={0} onKeyDown={move} onPointerLeave={() => setDay(undefined)}>
          {trends.plots.map((plot) => (
            <PlotFigure key={plot.key} plot={plot} days={trends.days} day={day} setDay={setDay} />
          ))}
        </div>
      )}
    </>
  );
}

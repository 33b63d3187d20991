// What stands in the log: a step's head, a line, a folded stretch.
import type { LogStep } from '../../model/log_steps';
import type { ShownLine } from './pages';
import { count, plural } from '../../format/number';
import { clock, seconds, sinceStart } from '../../format/time';
import { currentZone } from '../../frame/settings';
import { Glyph, stepMark } from '../../parts/Glyph';
import { LogText } from '../../parts/LogText';

interface HeadProps {
  step: LogStep;
  open: boolean;
  /** Of the open step, once it is known. */
  lines?: number;
  toggle: () => void;
}

export function StepHead({ step, open, lines, toggle }: HeadProps) {
  const { status } = step.step;
  const quiet = status === 'cached' || status === 'shared';
  const time = ['executed', 'failed', 'cached', 'shared'].includes(status) ? seconds(step.step.seconds) : '';
  const failed = status === 'failed';
  const empty = step.step.execution === '';
  return (
    <button
      class={`fold${open ? ' open' : ''}`}
      type="button"
      aria-expanded={open}
      disabled={empty}
      data-row
      data-mark={failed || undefined}
      data-at={step.label}
      data-say={[step.step.text, status, step.step.worker && `on ${step.step.worker}`].filter(Boolean).join(' · ')}
      onClick={toggle}
    >
      <span>
        <Glyph name={open ? 'down' : 'right'} />
      </span>
      <code>
        <span class="i3">{step.label}</span>
        {'  '}
        {step.step.text}
      </code>
      <span class="i3 hz r">{lines === undefined ? '' : plural(lines, 'line')}</span>
      <span class="r">{quiet ? `(${time})` : time}</span>
      <span class="i3 hz">
        <Glyph {...stepMark(status)} /> {failed ? <b class="bad">{step.step.exitCode ? `exit ${step.step.exitCode}` : 'failed'}</b> : status}
      </span>
    </button>
  );
}

interface LineProps {
  number: number;
  line?: ShownLine;
  start: number;
  href: string;
  selected: boolean;
  error: boolean;
  current: boolean;
  search: string;
  label: string;
  choose: (number: number, extend: boolean) => void;
}

export function LineRow({ number, line, start, href, selected, error, current, search, label, choose }: LineProps) {
  const zone = currentZone();
  const click = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    choose(number, event.shiftKey);
  };
  const classes = ['ll', error && 'er', selected && 'rg', current && 'cur'];
  const since = line && start && line.time ? sinceStart((line.time - start) / 1000) : '';
  return (
    <div class={classes.filter(Boolean).join(' ')} data-at={`line ${count(number)}`} data-say={line?.time ? `${label} · at ${clock(line.time, zone)} · ${since ? `${since} s since its start` : ''}` : label}>
      <a href={href} onClick={click} tabIndex={-1}>
        {count(number)}
      </a>
      <time>{since}</time>
      <span>{line ? <LogText spans={line.spans} search={search} /> : ''}</span>
    </div>
  );
}

export function Gap({ from, to, open }: { from: number; to: number; open: () => void }) {
  return (
    <button class="skipl lk" type="button" onClick={open}>
      {plural(to - from + 1, 'line')} without error or match
    </button>
  );
}

// Search, errors, times, wrap, follow, download.
import { useEffect, useRef } from 'preact/hooks';
import { count, plural } from '../../format/number';
import { Glyph } from '../../parts/Glyph';

interface LogBarProps {
  search: string;
  setSearch: (text: string) => void;
  found?: number;
  foundMore: boolean;
  position: number;
  step: (by: 1 | -1) => void;
  errors: number;
  nextError: () => void;
  times: boolean;
  setTimes: (on: boolean) => void;
  wrap: boolean;
  setWrap: (on: boolean) => void;
  follow?: boolean;
  setFollow: (on: boolean) => void;
  download: string;
  note: string;
}

function Toggle({ on, set, name, keyName, hide = true }: { on: boolean; set: (on: boolean) => void; name: string; keyName: string; hide?: boolean }) {
  return (
    <button class={`btn${hide ? ' hz' : ''}`} type="button" aria-pressed={on} data-key={keyName} onClick={() => set(!on)}>
      {name}
    </button>
  );
}

export function LogBar(props: LogBarProps) {
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  useEffect(() => {
    if (field.current && document.activeElement !== field.current) field.current.value = props.search;
  }, [props.search]);
  const input = (text: string) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => props.setSearch(text), 250);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    if (field.current?.value !== props.search) props.setSearch(field.current?.value ?? '');
    else props.step(event.shiftKey ? -1 : 1);
  };
  const figure = props.search === '' ? '' : props.found === undefined ? '…' : props.found === 0 ? 'none' : `${props.position > 0 ? `${count(props.position)} of ` : ''}${count(props.found)}${props.foundMore ? ' and more' : ''}`;
  return (
    <div class="lbar" role="search" aria-label="This log">
      <label class="find">
        <span class="vh">Search the whole log</span>
        <Glyph name="find" />
        <input ref={field} data-search spellcheck={false} autocomplete="off" placeholder="search the whole log" defaultValue={props.search} onInput={(event) => input(event.currentTarget.value)} onKeyDown={onKey} />
        <span class="i3 nw" role="status">
          {figure}
        </span>
      </label>
      <button class="btn" type="button" aria-label="previous match" data-key="N" disabled={!props.found} onClick={() => props.step(-1)}>
        <Glyph name="up" />
      </button>
      <button class="btn" type="button" aria-label="next match" data-key="n" disabled={!props.found} onClick={() => props.step(1)}>
        <Glyph name="down" />
      </button>
      {props.errors > 0 && (
        <button class="btn" type="button" data-key="e" onClick={props.nextError}>
          <span class="bad">
            <Glyph name="bad" tone="bad" />
          </span>
          {plural(props.errors, 'error')}
        </button>
      )}
      <span class="push" />
      {props.follow !== undefined && <Toggle on={props.follow} set={props.setFollow} name="Follow" keyName="f" hide={false} />}
      <Toggle on={props.times} set={props.setTimes} name="Times" keyName="t" />
      <Toggle on={props.wrap} set={props.setWrap} name="Wrap" keyName="w" />
      {props.download && (
        <a class="btn hz" href={props.download} download>
          Download
        </a>
      )}
      <span class="i3 nw hz">{props.note}</span>
    </div>
  );
}

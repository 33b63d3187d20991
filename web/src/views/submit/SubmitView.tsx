// A build of a git repository or of a Dockerfile that needs no files, with the command that does the same beside it.
import { useEffect, useRef, useState } from 'preact/hooks';
import type * as wire from '../../api/wire';
import { getJson, postJson, Problem } from '../../api/client';
import { useNewestBuilds, useRole, useWorkers } from '../../api/queries';
import { may } from '../../model/role';
import { commandOf, EMPTY_FORM, fieldOf, filesRequestOf, formProblems, hasSource, newKey, offsetOf, submissionOf, submitSentence, type Form, type Problems } from '../../model/submission';
import { type Bound, BOUNDS } from '../../model/step_bounds';
import { plural } from '../../format/number';
import { go, to } from '../../frame/router';
import { useView } from '../../frame/view';
import { CopyButton } from '../../parts/CopyButton';
import { Glyph } from '../../parts/Glyph';
import { Lede } from '../../parts/Lede';

interface Offer {
  platform: string;
  hosts: number;
  emulated: boolean;
}

/** Platforms that workers offer now, native ones first. */
function useOffers(): Offer[] {
  const workers = useWorkers().data ?? [];
  const offers = new Map<string, { hosts: Set<string>; emulated: boolean }>();
  for (const worker of workers.filter((each) => each.connected && !each.draining)) {
    for (const each of worker.platforms) {
      const offer = offers.get(each.platform) ?? { hosts: new Set<string>(), emulated: true };
      offer.hosts.add(worker.hostId);
      offer.emulated &&= each.emulated;
      offers.set(each.platform, offer);
    }
  }
  return [...offers]
    .map(([platform, offer]) => ({ platform, hosts: offer.hosts.size, emulated: offer.emulated }))
    .sort((a, b) => Number(a.emulated) - Number(b.emulated) || a.platform.localeCompare(b.platform));
}

type Change = (changes: Partial<Form>) => void;

interface FieldProps {
  form: Form;
  set: Change;
  name: 'git' | 'reference' | 'folder' | 'file' | 'dockerfile' | 'target' | 'args' | 'tag' | Bound;
  label: string;
  placeholder?: string;
  hint?: string;
  problem?: string;
  /** Of a field with several. */
  rows?: number;
}

function Field({ form, set, name, label, placeholder, hint, problem, rows }: FieldProps) {
  const shared = {
    name,
    placeholder,
    value: form[name],
    spellcheck: false,
    autocomplete: 'off' as const,
    'aria-invalid': problem ? ('true' as const) : undefined,
  };
  return (
    <label class={`fld ${name}`}>
      <span>{label}</span>
      {rows === undefined ? (
        <input class="in m" {...shared} onInput={(event) => set({ [name]: event.currentTarget.value.trim() })} />
      ) : (
        <textarea class="in m" rows={rows} wrap="off" {...shared} onInput={(event) => set({ [name]: event.currentTarget.value })} />
      )}
      <Note problem={problem} hint={hint} />
    </label>
  );
}

function Note({ problem, hint }: { problem?: string; hint?: string }) {
  return (
    <>
      {problem && (
        <small class="bad" role="alert">
          <Glyph name="bad" tone="bad" /> {problem}
        </small>
      )}
      {hint && <small>{hint}</small>}
    </>
  );
}

function PlatformField({ form, set, offers, problem }: { form: Form; set: Change; offers: readonly Offer[]; problem?: string }) {
  const toggle = (platform: string) => {
    const on = form.platforms.includes(platform);
    set({ platforms: on ? form.platforms.filter((each) => each !== platform) : [...form.platforms, platform] });
  };
  return (
    <fieldset>
      <legend>Platforms</legend>
      {offers.map((offer) => (
        <label key={offer.platform}>
          <input type="checkbox" checked={form.platforms.includes(offer.platform)} onChange={() => toggle(offer.platform)} /> {offer.platform}{' '}
          <small>
            {offer.emulated && <Glyph name="emu" />} {offer.emulated ? 'emulated, ' : ''}
            {plural(offer.hosts, 'host')}
          </small>
        </label>
      ))}
      {offers.length === 0 && <small>no worker is connected that could build</small>}
      {problem && (
        <small class="bad hint" role="alert">
          <Glyph name="bad" tone="bad" /> {problem}
        </small>
      )}
    </fieldset>
  );
}

function VerifyField({ form, set, offers }: { form: Form; set: Change; offers: readonly Offer[] }) {
  const few = form.verify > 1 ? offers.filter((offer) => form.platforms.includes(offer.platform) && offer.hosts < form.verify) : [];
  return (
    <fieldset>
      <legend>Executions of each step</legend>
      {[1, 2, 3].map((count) => (
        <label key={count}>
          <input type="radio" name="verify" checked={form.verify === count} onChange={() => set({ verify: count })} /> {count === 1 ? '1' : `${count}, compared`}
        </label>
      ))}
      {few.length > 0 && <small class="hint">{few.map((offer) => offer.platform).join(', ')}: fewer hosts than that, so the verdict stays inconclusive there</small>}
    </fieldset>
  );
}

function SourceField({ form, set }: { form: Form; set: Change }) {
  const words = { dockerfile: 'a Dockerfile', git: 'a git repository' };
  return (
    <fieldset>
      <legend>Build</legend>
      {(['dockerfile', 'git'] as const).map((source) => (
        <label key={source}>
          <input type="radio" name="source" checked={form.source === source} onChange={() => set({ source })} /> {words[source]}
        </label>
      ))}
    </fieldset>
  );
}

function GitFields({ form, set, problems }: { form: Form; set: Change; problems: Problems }) {
  return (
    <>
      <Field form={form} set={set} name="git" label="Repository" placeholder="https://git.example/team/app.git" hint="the farm fetches it; credentials in it are recorded nowhere" problem={problems.git} />
      <Field form={form} set={set} name="reference" label="Reference" placeholder="main" hint="branch, tag or commit; empty: the repository's own" problem={problems.reference} />
      <Field form={form} set={set} name="folder" label="Folder" hint="the context in it; empty: all of it" problem={problems.folder} />
      <Field form={form} set={set} name="file" label="Dockerfile" placeholder="Dockerfile" hint="its path in the folder" problem={problems.file} />
    </>
  );
}

function DockerfileField({ form, set, problem }: { form: Form; set: Change; problem?: string }) {
  return (
    <>
      <Field form={form} set={set} name="dockerfile" label="Dockerfile" rows={14} placeholder={'FROM debian:12\nADD https://git.example/team/app.git#main /src\nRUN make -C /src'} problem={problem} />
      <p class="i2 est">
        No folder goes with it: files come in by <code>ADD</code> of a git repository (<code>ADD https://git.example/team/app.git#main /src</code>) or of another address. <code>crossmill build PATH</code> sends a folder.
      </p>
    </>
  );
}

interface FieldsProps {
  form: Form;
  set: Change;
  offers: readonly Offer[];
  problems: Problems;
}

function Fields({ form, set, offers, problems }: FieldsProps) {
  return (
    <div>
      <SourceField form={form} set={set} />
      {form.source === 'git' ? <GitFields form={form} set={set} problems={problems} /> : <DockerfileField form={form} set={set} problem={problems.dockerfile} />}
      <Field form={form} set={set} name="target" label="Target" hint="a stage; empty: the last" problem={problems.target} />
      <PlatformField form={form} set={set} offers={offers} problem={problems.platforms} />
      <VerifyField form={form} set={set} offers={offers} />
      <Field form={form} set={set} name="args" label="Build arguments" rows={2} placeholder="NAME=VALUE" hint="one a line" problem={problems.args} />
      <Field form={form} set={set} name="tag" label="Image name" placeholder="image:main" hint="its row on the wall has this name" problem={problems.tag} />
      <details>
        <summary>Limits of each RUN step</summary>
        {BOUNDS.map(({ name, label, placeholder }) => (
          <Field key={name} form={form} set={set} name={name} label={label} placeholder={placeholder} problem={problems[name]} />
        ))}
        <small class="i2">What is empty is as the farm has it.</small>
      </details>
      <fieldset>
        <legend>Cache</legend>
        <label>
          <input type="checkbox" checked={form.noCache} onChange={() => set({ noCache: !form.noCache })} /> execute every step anew
        </label>
      </fieldset>
    </div>
  );
}

interface Sending {
  busy: boolean;
  /** The submission whose repository is fetched. */
  fetching?: string;
  /** Of the whole form. */
  error?: string;
  refused: Problems;
}

function refusalOf(error: unknown): Sending {
  const text = error instanceof Error ? error.message : String(error);
  const recipe = error instanceof Problem && (error.status === 400 || error.status === 404);
  const field = recipe ? fieldOf(text) : undefined;
  if (field) return { busy: false, refused: { [field]: text } };
  const id = error instanceof Problem && error.requestId ? ` (request ${error.requestId})` : '';
  return { busy: false, error: `${text}${id}`, refused: {} };
}

const isFetched = (state: wire.Submission) => state.state !== 'SUBMISSION_STATE_WAITING' && state.state !== 'SUBMISSION_STATE_FETCHING';

/** Asks until the repository is there; the number of the build. */
async function followFetch(first: wire.Submission, signal: AbortSignal): Promise<string> {
  let state = first;
  while (!isFetched(state)) state = await getJson<wire.Submission>(`submissions/${state.id ?? ''}`, { wait: 20 }, signal);
  if (state.state === 'SUBMISSION_STATE_SUBMITTED') return state.buildId ?? '';
  const missing = state.code === 'NOT_FOUND' || state.code === 'INVALID_ARGUMENT';
  throw new Problem(missing ? 400 : 0, 'The repository cannot be built', state.message ?? '', '');
}

/** Sends the form. The same form has the same key until it was taken, so that an answer that got lost makes no second build. */
function useSubmission(form: Form) {
  const [state, setState] = useState<Sending>({ busy: false, refused: {} });
  const key = useRef('');
  const watch = useRef(new AbortController());
  useEffect(() => {
    key.current = '';
    setState((old) => (old.busy ? old : { busy: false, refused: {} }));
  }, [form]);
  // Who leaves the page leaves the fetch to the farm.
  useEffect(() => () => watch.current.abort(), []);
  const send = async () => {
    const headers = { 'idempotency-key': key.current };
    if (form.source === 'dockerfile') return (await postJson<wire.SubmitBuildResponse>('builds', submissionOf(form), headers)).buildId ?? '';
    const submission = await postJson<wire.Submission>('submissions', filesRequestOf(form), headers);
    setState({ busy: true, fetching: submission.id, refused: {} });
    return followFetch(submission, watch.current.signal);
  };
  const submit = async () => {
    setState({ busy: true, refused: {} });
    key.current ||= newKey();
    try {
      go(to(['builds', await send()]));
    } catch (error) {
      if (!watch.current.signal.aborted) setState(refusalOf(error));
    }
  };
  const cancel = () => state.fetching && void postJson(`submissions/${state.fetching}/cancel`).catch((error: unknown) => setState(refusalOf(error)));
  return { state, submit, cancel };
}

/** Puts the cursor where the Dockerfile was refused. */
function usePointAt(detail: string | undefined, text: string) {
  useEffect(() => {
    const field = document.querySelector<HTMLTextAreaElement>('textarea[name=dockerfile]');
    const at = detail ? offsetOf(detail, text) : undefined;
    if (!field || at === undefined) return;
    field.focus();
    field.setSelectionRange(at, at);
  }, [detail]);
}

/** The form; until one has chosen, the platform that most workers have natively is. */
function useForm(offers: readonly Offer[]): [Form, Change] {
  const [form, setForm] = useState<Form>({ ...EMPTY_FORM, verify: 2 });
  const chosen = useRef(false);
  const first = offers[0]?.platform;
  const set: Change = (changes) => {
    if (changes.platforms) chosen.current = true;
    setForm((old) => ({ ...old, ...changes }));
  };
  useEffect(() => {
    if (first && !chosen.current) setForm((old) => ({ ...old, platforms: [first] }));
  }, [first]);
  return [form, set];
}

export function SubmitView() {
  useView('Submit', 'Ctrl+Enter submits. The command beside the form does the same from a terminal.');
  const waiting = (useNewestBuilds().data?.builds ?? []).filter((build) => build.status === 'queued').length;
  const offers = useOffers();
  const [form, set] = useForm(offers);
  const { state, submit, cancel } = useSubmission(form);
  usePointAt(state.refused.dockerfile, form.dockerfile);
  const problems = formProblems(form);
  const role = useRole();
  const submits = may(role, 'submit');
  const command = commandOf(form);
  const ready = hasSource(form) && form.platforms.length > 0 && Object.keys(problems).length === 0 && !state.busy && submits;
  return (
    <>
      <Lede sentence={submitSentence(form)} />
      <form
        class="sb"
        onSubmit={(event) => (event.preventDefault(), ready && void submit())}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && ready) void submit();
        }}
      >
        <Fields form={form} set={set} offers={offers} problems={{ ...state.refused, ...problems }} />
        <aside aria-label="The command">
          <h2>The same from a terminal</h2>
          <pre class="dfp" tabIndex={0}>
            {command.split('\n').map((line, i) => (
              <span key={i}>{line || ' '}</span>
            ))}
          </pre>
          <p class="i2 est">{waiting === 0 ? 'Nobody waits before it.' : `${plural(waiting, 'build')} ${waiting === 1 ? 'waits' : 'wait'} before it.`}</p>
          {state.error && (
            <p class="bad" role="alert">
              <Glyph name="bad" tone="bad" /> {state.error}
            </p>
          )}
          {role === 'read' && <p class="i2 est">This session may only read. The command works with a token that may submit.</p>}
          <div class="acts">
            {submits && (
              <button type="submit" class="btn pri" disabled={!ready}>
                {state.fetching ? 'Fetching' : state.busy ? 'Submitting' : 'Submit'}
              </button>
            )}
            {state.fetching && (
              <button type="button" class="btn" onClick={cancel}>
                Cancel
              </button>
            )}
            <CopyButton text={command} label="Copy command" keyName="y" />
          </div>
        </aside>
      </form>
    </>
  );
}

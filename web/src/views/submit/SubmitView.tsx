// A build from a git address, with the command that does the same beside it.
import { useState } from 'preact/hooks';
import type * as wire from '../../api/wire';
import { postJson, Problem } from '../../api/client';
import { useNewestBuilds, useWorkers } from '../../api/queries';
import { commandLines, EMPTY_FORM, formProblems, submissionOf, submitSentence, type Form } from '../../model/submission';
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
  name: 'repository' | 'reference' | 'folder' | 'dockerfile' | 'target' | 'args' | 'tag';
  label: string;
  placeholder?: string;
  hint?: string;
  problem?: string;
  required?: boolean;
}

function Field({ form, set, name, label, placeholder, hint, problem, required }: FieldProps) {
  const noted = problem ?? hint;
  return (
    <label class="fld">
      <span>{label}</span>
      <input
        class="in m"
        name={name}
        value={form[name]}
        placeholder={placeholder}
        required={required}
        spellcheck={false}
        autocomplete="off"
        aria-invalid={problem ? 'true' : undefined}
        onInput={(event) => set({ [name]: event.currentTarget.value.trim() === '' ? '' : event.currentTarget.value })}
      />
      {noted && (
        <small class={problem ? 'bad' : ''}>
          {problem && <Glyph name="bad" tone="bad" />} {noted}
        </small>
      )}
    </label>
  );
}

function PlatformField({ form, set, offers }: { form: Form; set: Change; offers: readonly Offer[] }) {
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
      {offers.length === 0 && <small>no worker is connected; the build waits for one</small>}
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

function Fields({ form, set }: { form: Form; set: Change }) {
  const offers = useOffers();
  const problems = formProblems(form);
  return (
    <div>
      <Field form={form} set={set} name="repository" label="Repository" placeholder="https://git.example/team/image.git" problem={problems.repository} required />
      <Field form={form} set={set} name="reference" label="Reference" placeholder="main" hint="a branch, tag or commit; empty: the default branch" />
      <Field form={form} set={set} name="folder" label="Folder" hint="of the context; empty: the whole repository" />
      <Field form={form} set={set} name="dockerfile" label="Dockerfile" placeholder="Dockerfile" />
      <Field form={form} set={set} name="target" label="Target" hint="a stage; empty: the last" />
      <PlatformField form={form} set={set} offers={offers} />
      <VerifyField form={form} set={set} offers={offers} />
      <Field form={form} set={set} name="args" label="Build arguments" placeholder="NAME=VALUE" problem={problems.args} />
      <Field form={form} set={set} name="tag" label="Image name" placeholder="image:main" hint="its row on the wall has this name" />
      <fieldset>
        <legend>Cache</legend>
        <label>
          <input type="checkbox" checked={form.noCache} onChange={() => set({ noCache: !form.noCache })} /> execute every step anew
        </label>
      </fieldset>
    </div>
  );
}

export function SubmitView() {
  useView('Submit', 'Ctrl+Enter submits. The command beside the form does the same from a terminal.');
  const waiting = (useNewestBuilds().data?.builds ?? []).filter((build) => build.status === 'queued').length;
  const [form, setForm] = useState<Form>({ ...EMPTY_FORM, verify: 2 });
  const [state, setState] = useState<{ busy: boolean; error?: string }>({ busy: false });
  const set: Change = (changes) => setForm((old) => ({ ...old, ...changes }));
  const problems = formProblems(form);
  const lines = commandLines(form);
  const ready = form.repository !== '' && Object.keys(problems).length === 0 && !state.busy;
  const submit = async () => {
    if (!ready) return;
    setState({ busy: true });
    try {
      const answer = await postJson<wire.SubmitBuildResponse>('builds', submissionOf(form));
      go(to(['builds', answer.buildId ?? '']));
    } catch (error) {
      const id = error instanceof Problem && error.requestId ? ` (request ${error.requestId})` : '';
      setState({ busy: false, error: `${error instanceof Error ? error.message : String(error)}${id}` });
    }
  };
  return (
    <>
      <Lede sentence={submitSentence(form)} />
      <form
        class="sb"
        onSubmit={(event) => (event.preventDefault(), void submit())}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void submit();
        }}
      >
        <Fields form={form} set={set} />
        <aside aria-label="The command">
          <h2>The same from a terminal</h2>
          <pre class="dfp" tabIndex={0}>
            {lines.map((line, i) => (
              <span key={i}>
                {line}
                {i < lines.length - 1 ? ' \\' : ''}
              </span>
            ))}
          </pre>
          <p class="i2 est">{waiting === 0 ? 'Nobody waits before it.' : `${plural(waiting, 'build')} ${waiting === 1 ? 'waits' : 'wait'} before it.`}</p>
          {state.error && (
            <p class="bad" role="alert">
              <Glyph name="bad" tone="bad" /> {state.error}
            </p>
          )}
          <div class="acts">
            <button type="submit" class="btn pri" disabled={!ready}>
              {state.busy ? 'Submitting' : 'Submit'}
            </button>
            <CopyButton text={lines.join(' \\\n')} label="Copy command" keyName="y" />
          </div>
        </aside>
      </form>
    </>
  );
}

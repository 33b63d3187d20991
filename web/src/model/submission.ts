// The form of a submission: a git repository or a Dockerfile without a context, and the command that does the same
// from a terminal.
import type * as wire from '../api/wire';
import type { Sentence } from './sentence';
import { joined, numberWord } from '../format/number';
import { imageName } from './build';
import { type Bound, BOUNDS, boundProblem, boundsOf } from './step_bounds';

export interface Form extends Record<Bound, string> {
  /** What is built: a repository that the farm fetches, or a Dockerfile that needs no files. */
  source: 'git' | 'dockerfile';
  git: string;
  /** Branch, tag or commit; empty: what the repository has as its HEAD. */
  reference: string;
  /** The context's folder in the repository; empty: all of it. */
  folder: string;
  /** The Dockerfile's path in the context; empty: Dockerfile. */
  file: string;
  dockerfile: string;
  target: string;
  platforms: string[];
  verify: number;
  args: string;
  tag: string;
  noCache: boolean;
}

export const EMPTY_FORM: Form = { source: 'dockerfile', git: '', reference: '', folder: '', file: '', dockerfile: '', target: '', platforms: [], verify: 1, args: '', tag: '', noCache: false, memory: '', cpus: '', processes: '', disk: '', log: '' };

export type Problems = Partial<Record<keyof Form, string>>;

/** The context of a recipe that has none: the empty folder. */
const EMPTY_FOLDER = { hash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', sizeBytes: '0' };

/** What is sent and what the shell's here-document gives: every line has its end. */
export function dockerfileOf(form: Form): string {
  const text = form.dockerfile.replace(/\r\n?/g, '\n');
  return text.trim() === '' ? '' : text.replace(/\n*$/, '\n');
}

/** The repository with reference and folder, as `crossmill build` takes them. */
export function gitUrlOf(form: Form): string {
  if (!form.git || (!form.reference && !form.folder)) return form.git;
  return `${form.git}#${form.reference}${form.folder ? `:${form.folder}` : ''}`;
}

/** Whether there is something to build. */
export const hasSource = (form: Form) => (form.source === 'git' ? form.git !== '' : dockerfileOf(form) !== '');

/** The UTF-8 bytes of a text in base64. */
export function base64Of(text: string): string {
  let bytes = '';
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}

const ARGUMENT = /^[A-Za-z_][A-Za-z0-9_]*=/;

const linesOf = (text: string) => text.split(/\r?\n/).filter((line) => line.trim() !== '');

/** NAME=VALUE, one a line. */
export function argsOf(text: string): string[] {
  return linesOf(text).filter((each) => ARGUMENT.test(each));
}

export function wrongArgs(text: string): string[] {
  return linesOf(text).filter((each) => !ARGUMENT.test(each));
}

/** A word that a shell takes as it is, else in single quotes. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

/** A word that no line of the text is. */
function delimiterOf(text: string): string {
  const lines = new Set(text.split('\n'));
  let word = 'DOCKERFILE';
  for (let i = 2; lines.has(word); i += 1) word = `DOCKERFILE_${i}`;
  return word;
}

/** The whole command, with a Dockerfile on its standard input. */
export function commandOf(form: Form): string {
  const words = ['crossmill build'];
  const add = (flag: string, value: string) => words.push(`${flag} ${shellWord(value)}`);
  if (form.platforms.length > 0) add('--platform', form.platforms.join(','));
  if (form.verify > 1) add('--verify', String(form.verify));
  if (form.target) add('--target', form.target);
  for (const each of argsOf(form.args)) add('--build-arg', each);
  if (form.tag) add('-t', form.tag);
  if (form.noCache) words.push('--no-cache');
  for (const { name, flag } of BOUNDS) if (form[name]) add(flag, form[name]);
  if (form.source === 'git') {
    if (form.file) add('-f', form.file);
    return [...words, shellWord(gitUrlOf(form) || 'REPOSITORY')].join(' \\\n  ');
  }
  const text = dockerfileOf(form);
  const end = delimiterOf(text);
  return `${[...words, `- <<'${end}'`].join(' \\\n  ')}\n${text}${end}`;
}

function platformOf(text: string): { os?: string; architecture?: string; variant?: string } {
  const [os, architecture, variant] = text.split('/');
  return { os, architecture, ...(variant && { variant }) };
}

function argumentOf(text: string): { name: string; value: string } {
  const equals = text.indexOf('=');
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

/** Left out where the form has none: then the farm's own hold. */
function boundOptions(form: Form): { stepBounds?: wire.StepBounds } {
  const stepBounds = boundsOf(form);
  return stepBounds ? { stepBounds } : {};
}

export function submissionOf(form: Form): wire.SubmitBuildRequest {
  return {
    submission: {
      recipe: {
        dockerfile: base64Of(dockerfileOf(form)),
        dockerfileName: 'Dockerfile',
        contextRoot: EMPTY_FOLDER,
        target: form.target,
        buildArguments: argsOf(form.args).map(argumentOf),
      },
      options: {
        platforms: form.platforms.map(platformOf),
        tags: form.tag ? [form.tag] : [],
        verify: form.verify,
        noCache: form.noCache,
        network: 'NETWORK_MODE_RECORDED',
        ...boundOptions(form),
      },
    },
  };
}

/** The request of a repository. */
export function filesRequestOf(form: Form): wire.SubmitFilesRequest {
  return {
    git: gitUrlOf(form),
    file: form.file,
    target: form.target,
    buildArgs: argsOf(form.args),
    platforms: form.platforms,
    tags: form.tag ? [form.tag] : [],
    verify: form.verify,
    noCache: form.noCache,
    ...(boundsOf(form) && { options: boundOptions(form) }),
  };
}

/** What stands in the way, under the field that it concerns. */
export function formProblems(form: Form): Problems {
  const problems: Problems = {};
  if (form.source === 'git' && form.git.includes('#') && (form.reference || form.folder)) problems.git = 'the reference stands behind # and in its own field; say it once';
  const wrong = wrongArgs(form.args);
  if (wrong.length > 0) problems.args = `${joined(wrong)} ${wrong.length === 1 ? 'is' : 'are'} not NAME=VALUE`;
  for (const { name } of BOUNDS) {
    const problem = boundProblem(name, form[name]);
    if (problem) problems[name] = problem;
  }
  return problems;
}

/** The field that an answer of the API is about; undefined: the whole form. */
export function fieldOf(detail: string): keyof Form | undefined {
  if (/^git/.test(detail)) return 'git';
  if (/the context has no|leads out of the context|^file/.test(detail)) return 'file';
  if (/^build_args/.test(detail)) return 'args';
  if (/target stage/.test(detail)) return 'target';
  if (/^Dockerfile:/.test(detail)) return 'dockerfile';
  if (/^-t /.test(detail)) return 'tag';
  return /platform/.test(detail) ? 'platforms' : undefined;
}

/** The place that "Dockerfile:LINE:COLUMN: ..." names, as an offset in the text. Columns are bytes, from 1. */
export function offsetOf(detail: string, text: string): number | undefined {
  const [, line, column] = /^Dockerfile:(\d+)(?::(\d+))?/.exec(detail) ?? [];
  if (!line) return undefined;
  const lines = text.split('\n');
  const before = lines.slice(0, Number(line) - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const bytes = new TextEncoder().encode(lines[Number(line) - 1] ?? '').slice(0, Number(column ?? 1) - 1);
  return Math.min(text.length, before + new TextDecoder().decode(bytes).length);
}

/** A key that no other submission has; the page may come over plain http, where there is no randomUUID. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** "app" of "https://git.example/team/app.git#main". */
export const repositoryName = (git: string) => /([^/:#]+?)(?:\.git)?\/?(?:[?#].*)?$/.exec(git)?.[1] ?? git;

export function submitSentence(form: Form): Sentence {
  if (!hasSource(form)) return [form.source === 'git' ? 'Build a git repository on this farm.' : 'Build a Dockerfile on this farm.'];
  const name = form.tag ? imageName(form.tag) : form.source === 'git' ? repositoryName(form.git) : 'this Dockerfile';
  const where = form.platforms.length === 0 ? '' : ` for ${form.platforms.length === 1 ? (form.platforms[0] ?? '') : `${numberWord(form.platforms.length)} platforms`}`;
  const times = form.verify > 1 ? `, every step ${form.verify === 2 ? 'twice' : `${numberWord(form.verify)} times`}` : '';
  return [`Build ${name}${where}${times}.`];
}

// The form of a submission, and the command that does the same from a terminal.
import type * as wire from '../api/wire';
import type { Sentence } from './sentence';
import { joined, numberWord } from '../format/number';
import { imageName } from './build';

export interface Form {
  repository: string;
  reference: string;
  folder: string;
  dockerfile: string;
  target: string;
  platforms: string[];
  verify: number;
  args: string;
  tag: string;
  noCache: boolean;
}

export const EMPTY_FORM: Form = { repository: '', reference: '', folder: '', dockerfile: '', target: '', platforms: [], verify: 1, args: '', tag: '', noCache: false };

/** "URL#REFERENCE:FOLDER". */
export function gitOf(form: Form): string {
  const place = form.reference || form.folder ? `#${form.reference}${form.folder ? `:${form.folder}` : ''}` : '';
  return form.repository ? form.repository + place : '';
}

/** NAME=VALUE, one a line or separated by blanks. */
export function argsOf(text: string): string[] {
  return text.split(/\s+/).filter((each) => /^[A-Za-z_][A-Za-z0-9_]*(=.*)?$/.test(each));
}

export function wrongArgs(text: string): string[] {
  const good = new Set(argsOf(text));
  return text.split(/\s+/).filter((each) => each && !good.has(each));
}

/** A word that a shell takes as it is, else in single quotes. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./#-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

export function commandLines(form: Form): string[] {
  const lines = ['crossmill build'];
  const add = (flag: string, value: string) => lines.push(`  ${flag} ${shellWord(value)}`);
  if (form.platforms.length > 0) add('--platform', form.platforms.join(','));
  if (form.verify > 1) add('--verify', String(form.verify));
  if (form.target) add('--target', form.target);
  if (form.dockerfile) add('-f', form.dockerfile);
  for (const each of argsOf(form.args)) add('--build-arg', each);
  if (form.tag) add('-t', form.tag);
  if (form.noCache) lines.push('  --no-cache');
  lines.push(`  ${shellWord(gitOf(form) || 'REPOSITORY')}`);
  return lines;
}

export function submissionOf(form: Form): wire.SubmissionForm {
  return {
    git: gitOf(form),
    ...(form.dockerfile && { dockerfile: form.dockerfile }),
    ...(form.target && { target: form.target }),
    ...(form.platforms.length > 0 && { platforms: form.platforms }),
    ...(form.args && { args: argsOf(form.args) }),
    ...(form.tag && { tags: [form.tag] }),
    verify: form.verify,
    ...(form.noCache && { noCache: true }),
  };
}

/** What stands in the way, under the field that it concerns. */
export function formProblems(form: Form): Partial<Record<keyof Form, string>> {
  const problems: Partial<Record<keyof Form, string>> = {};
  if (form.repository && !/^(https?|ssh|git):\/\/|^[\w.-]+@[\w.-]+:|^[\w.-]+\.[a-z]+\//i.test(form.repository)) problems.repository = 'is no address of a git repository';
  const wrong = wrongArgs(form.args);
  if (wrong.length > 0) problems.args = `${joined(wrong)} ${wrong.length === 1 ? 'is' : 'are'} not NAME=VALUE`;
  return problems;
}

export function submitSentence(form: Form): Sentence {
  const repository = form.repository.replace(/\.git$/, '').split('/').pop();
  const name = form.tag ? imageName(form.tag) : repository;
  if (!form.repository) return ['Build a git repository on this farm.'];
  const where = form.platforms.length === 0 ? 'for the coordinator’s own platform' : `for ${form.platforms.length === 1 ? (form.platforms[0] ?? '') : `${numberWord(form.platforms.length)} platforms`}`;
  const times = form.verify > 1 ? `, every step ${form.verify === 2 ? 'twice' : `${numberWord(form.verify)} times`}` : '';
  return ['Build ', ...(form.reference ? [{ text: form.reference, code: true }, ' of '] : []), `${name} ${where}${times}.`];
}

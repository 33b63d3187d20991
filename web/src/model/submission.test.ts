import { describe, expect, it } from 'vitest';
import { base64Of, commandOf, dockerfileOf, EMPTY_FORM, fieldOf, filesRequestOf, formProblems, gitUrlOf, hasSource, newKey, offsetOf, repositoryName, shellWord, submissionOf, submitSentence } from './submission';

const RECIPE = 'FROM debian:12\nRUN echo "$HOME" > it\'s \\\n  && echo grün 🚀\n';
const form = { ...EMPTY_FORM, dockerfile: RECIPE, platforms: ['linux/amd64', 'linux/arm/v7'], verify: 2, args: 'A=1\n\nB=it is = x\nC=', tag: 'shop:main', target: 'run', noCache: true };

const decoded = (text = '') => new TextDecoder().decode(Uint8Array.from(atob(text), (each) => each.charCodeAt(0)));

describe('the command of a submission', () => {
  it('has every flag', () =>
    expect(commandOf(form)).toBe(
      `crossmill build \\\n  --platform linux/amd64,linux/arm/v7 \\\n  --verify 2 \\\n  --target run \\\n  --build-arg A=1 \\\n  --build-arg 'B=it is = x' \\\n  --build-arg C= \\\n  -t shop:main \\\n  --no-cache \\\n  - <<'DOCKERFILE'\n${RECIPE}DOCKERFILE`,
    ));
  it('ends the Dockerfile with a word that is no line of it', () => {
    const command = commandOf({ ...EMPTY_FORM, dockerfile: 'FROM a\nRUN <<DOCKERFILE\necho\nDOCKERFILE' });
    expect(command).toBe("crossmill build \\\n  - <<'DOCKERFILE_2'\nFROM a\nRUN <<DOCKERFILE\necho\nDOCKERFILE\nDOCKERFILE_2");
  });
  it('quotes for a shell', () => expect(shellWord("it's $HOME")).toBe("'it'\\''s $HOME'"));
});

describe('a repository', () => {
  const git = { ...EMPTY_FORM, source: 'git' as const, git: 'https://git.example/team/app.git', platforms: ['linux/arm64'] };
  it('has reference and folder behind it', () => {
    expect(gitUrlOf(git)).toBe('https://git.example/team/app.git');
    expect(gitUrlOf({ ...git, reference: 'v1' })).toBe('https://git.example/team/app.git#v1');
    expect(gitUrlOf({ ...git, folder: 'a/b' })).toBe('https://git.example/team/app.git#:a/b');
    expect(gitUrlOf({ ...git, reference: 'v1', folder: 'a' })).toBe('https://git.example/team/app.git#v1:a');
    expect(formProblems({ ...git, git: `${git.git}#main`, reference: 'v1' }).git).toMatch(/once/);
    expect(formProblems({ ...git, git: `${git.git}#main` })).toEqual({});
  });
  it('is the context of the command', () =>
    expect(commandOf({ ...git, reference: 'it\'s', file: 'x y', verify: 2, dockerfile: RECIPE })).toBe(
      `crossmill build \\\n  --platform linux/arm64 \\\n  --verify 2 \\\n  -f 'x y' \\\n  'https://git.example/team/app.git#it'\\''s'`,
    ));
  it('is what is sent', () =>
    expect(filesRequestOf({ ...git, file: 'f', target: 't', args: 'A=1', tag: 'a:1', verify: 2, noCache: true })).toEqual({
      git: git.git, file: 'f', target: 't', buildArgs: ['A=1'], platforms: ['linux/arm64'], tags: ['a:1'], verify: 2, noCache: true,
    }));
  it('is there or not', () => {
    expect(hasSource(git)).toBe(true);
    expect(hasSource({ ...git, git: '' })).toBe(false);
    expect(hasSource({ ...git, source: 'dockerfile' })).toBe(false);
    expect(submitSentence(git)).toEqual(['Build app for linux/arm64.']);
  });
  it('has a name', () => {
    for (const url of ['https://git.example/team/app.git', 'git@git.example:team/app.git', 'https://git.example/app', 'ssh://git.example/app.git?ref=x#y:z/w.git', 'git@git.example:app.git'])
      expect(repositoryName(url)).toBe('app');
  });
  it('has its words go to their fields', () => {
    expect(fieldOf('git repository https://x: there is no main')).toBe('git');
    expect(fieldOf('git: x is no git URL; expected ...')).toBe('git');
    expect(fieldOf('the context has no Dockerfile; the field file names the Dockerfile')).toBe('file');
    expect(fieldOf('build_args: A: expected NAME=VALUE')).toBe('args');
  });
});

describe('limits of steps', () => {
  const bounded = { ...form, memory: '2g', processes: '100' };
  it('are in the command as it has them', () => expect(commandOf(bounded)).toContain('--no-cache \\\n  --memory 2g \\\n  --pids-limit 100 \\\n'));
  it('are sent as numbers, with a Dockerfile and with a repository', () => {
    const stepBounds = { memory: '2147483648', processes: 100 };
    expect(submissionOf(bounded).submission?.options?.stepBounds).toEqual(stepBounds);
    expect(filesRequestOf({ ...bounded, source: 'git', git: 'https://git.example/a.git' }).options).toEqual({ stepBounds });
  });
  it('stand in the way when they are none', () => expect(formProblems({ ...form, cpus: 'many', log: '1x' })).toMatchObject({ cpus: expect.stringMatching(/processors/) as string, log: expect.stringMatching(/bytes/) as string }));
});

describe('the message of a submission', () => {
  const { recipe, options } = submissionOf(form).submission ?? {};
  it('has the recipe with the empty folder', () => {
    expect(decoded(recipe?.dockerfile)).toBe(RECIPE);
    expect(recipe).toMatchObject({ dockerfileName: 'Dockerfile', target: 'run', contextRoot: { hash: expect.stringMatching(/^e3b0c442/) as string, sizeBytes: '0' } });
    expect(recipe?.buildArguments).toEqual([{ name: 'A', value: '1' }, { name: 'B', value: 'it is = x' }, { name: 'C', value: '' }]);
  });
  it('has the options', () => {
    expect(options).toEqual({ platforms: [{ os: 'linux', architecture: 'amd64' }, { os: 'linux', architecture: 'arm', variant: 'v7' }], tags: ['shop:main'], verify: 2, noCache: true, network: 'NETWORK_MODE_RECORDED' });
    expect(submissionOf(EMPTY_FORM).submission?.options?.tags).toEqual([]);
  });
  it('encodes long texts', () => expect(decoded(base64Of('ü'.repeat(300_000)))).toBe('ü'.repeat(300_000)));
  it('ends every line', () => {
    expect(dockerfileOf({ ...EMPTY_FORM, dockerfile: ' \n ' })).toBe('');
    expect(dockerfileOf({ ...EMPTY_FORM, dockerfile: 'FROM a\r\nRUN b' })).toBe('FROM a\nRUN b\n');
  });
  it('has another key each time', () => expect(newKey()).not.toBe(newKey()));
});

describe('what stands in the way of a submission', () => {
  it('is said of arguments', () => {
    expect(formProblems({ ...EMPTY_FORM, args: '1=2\nB' })).toEqual({ args: '1=2 and B are not NAME=VALUE' });
    expect(formProblems(form)).toEqual({});
  });
  it('goes to its field', () => {
    expect(fieldOf("Dockerfile:2:1: unknown instruction 'RUNN'; did you mean RUN?")).toBe('dockerfile');
    expect(fieldOf("Dockerfile: target stage 'x' not found; expected one of: stage-0")).toBe('target');
    expect(fieldOf("-t A: image reference 'A': the name must be in lower case")).toBe('tag');
    expect(fieldOf('no platform is asked for')).toBe('platforms');
    expect(fieldOf('the farm is full')).toBeUndefined();
  });
  it('has its place', () => {
    expect(offsetOf('Dockerfile:2:1: x', 'FROM a\nRUNN\n')).toBe(7);
    expect(offsetOf('Dockerfile:1:4: x', 'üä b')).toBe(2);
    expect(offsetOf('Dockerfile:9: x', 'a')).toBe(1);
    expect(offsetOf('no platform', 'a')).toBeUndefined();
  });
});

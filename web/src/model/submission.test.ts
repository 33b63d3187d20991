import { describe, expect, it } from 'vitest';
import { base64Of, commandOf, dockerfileOf, EMPTY_FORM, fieldOf, formProblems, newKey, offsetOf, shellWord, submissionOf } from './submission';

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

import { describe, expect, it } from 'vitest';
import { ansiLine, ansiText, looksLikeError, overwritten, PLAIN } from './ansi';

const ESC = '\u001b';

describe('ansi', () => {
  it('leaves plain text alone', () => expect(ansiLine('a <b> & c').spans).toEqual([{ text: 'a <b> & c', style: '' }]));
  it('makes spans of colours and weights', () => {
    const { spans, state } = ansiLine(`x ${ESC}[1;31mfatal${ESC}[22m error${ESC}[0m y`);
    expect(spans).toEqual([
      { text: 'x ', style: '' },
      { text: 'fatal', style: 'a31 b' },
      { text: ' error', style: 'a31' },
      { text: ' y', style: '' },
    ]);
    expect(state).toEqual(PLAIN);
  });
  it('carries its state to the next line', () => {
    const first = ansiLine(`${ESC}[32mgreen`);
    expect(ansiLine('still', first.state).spans).toEqual([{ text: 'still', style: 'a32' }]);
  });
  it('knows bright, 256 and true colours without losing the text behind them', () => {
    expect(ansiLine(`${ESC}[91mr`).spans[0]?.style).toBe('a31');
    expect(ansiLine(`${ESC}[38;5;9mr`).spans[0]).toEqual({ text: 'r', style: 'a31' });
    expect(ansiLine(`${ESC}[38;2;10;20;30;1mr`).spans[0]).toEqual({ text: 'r', style: 'b' });
  });
  it('drops links, titles, cursor moves and broken escapes', () => {
    expect(ansiText(`${ESC}]8;;javascript:alert(1)${ESC}\\link${ESC}]8;;${ESC}\\!`)).toBe('link!');
    expect(ansiText(`${ESC}]0;title\u0007text`)).toBe('text');
    expect(ansiText(`${ESC}[2K${ESC}[1Gdone${ESC}[`)).toBe('done');
    expect(ansiText('a\u0000b\u0008c')).toBe('abc');
    expect(ansiText(`tab\tstays`)).toBe('tab\tstays');
  });
  it('shows what carriage returns left', () => {
    expect(overwritten('10 %\r20 %\r\r')).toBe('20 %');
    expect(overwritten('long line\rab')).toBe('abng line');
    expect(overwritten(`${ESC}[32m10 %\r${ESC}[32m20 %`)).toBe(`${ESC}[32m20 %`);
  });
});

describe('errors', () => {
  it.each(['src/etree.c:96:10: fatal error: libxml/tree.h: No such file', 'ERROR: Failed building wheel for xmlkit', "error: command 'gcc' failed", 'Traceback (most recent call last):', 'E: [error] x'])('%s', (line) =>
    expect(looksLikeError(line)).toBe(true),
  );
  it.each(['Collecting error-handler', 'gcc -Werror -c errors.c', '0 errors, 3 warnings', 'copying errors.py', 'compilation terminated.'])('not %s', (line) => expect(looksLikeError(line)).toBe(false));
});

import { describe, expect, it } from 'vitest';
import { build } from '../test/fixture';
import { barWidth, fromName, matrixOf, type StepCell } from './matrix';
import { cellWords } from './cell_words';
import { graphOf } from './graph';
import { needsOf } from './recipe_edges';

const steps = (cells: { kind: string }[]) => cells.filter((cell): cell is StepCell => cell.kind === 'step');

describe('matrix', () => {
  const matrix = matrixOf(build('412'));
  it('has a column per platform and a group per stage of the recipe', () => {
    expect(matrix.columns.map((column) => [column.platform, column.emulated])).toEqual([['linux/amd64', false], ['linux/arm64', false], ['linux/riscv64', true]]);
    expect(matrix.groups.map((group) => [group.name, group.from, group.once])).toEqual([['builder', 'python:3.12', false], ['assets', 'node:22', true], ['stage-2', 'python:3.12-slim', false]]);
  });
  it('begins with FROM and its base', () => {
    const row = matrix.groups[0]?.rows[0];
    expect(row?.number).toBe('1');
    expect(row?.cells.map((cell) => cell.kind)).toEqual(['base', 'base', 'base']);
  });
  it('lets a stage that runs once stand once', () => {
    const rows = matrix.groups[1]?.rows ?? [];
    expect(rows[0]?.cells.map((cell) => cell.kind)).toEqual(['base', 'elsewhere', 'covered']);
    expect(rows[0]?.cells[1]).toMatchObject({ span: 2, text: 'runs on linux/amd64 only, copied into all 3' });
    expect(rows[1]?.cells[1]).toMatchObject({ kind: 'elsewhere', text: '' });
  });
  it('folds steps that only change the config', () => {
    const last = matrix.groups[2]?.rows.at(-1);
    expect(last).toMatchObject({ number: '6–9', text: 'ENV · USER · EXPOSE · CMD' });
  });
  it('says how executions agree', () => {
    const rows = matrix.groups[0]?.rows ?? [];
    expect(steps(rows[1]?.cells ?? []).map((cell) => cell.agreement.kind)).toEqual(['outside', 'outside', 'missing']);
    expect(steps(rows[4]?.cells ?? []).map((cell) => cell.agreement.label)).toEqual(['2/2', '3 paths', '1/2']);
    expect(steps(rows[4]?.cells ?? [])[1]?.agreement.kind).toBe('reaches');
  });
  it('names a cell by its whole sentence', () => {
    const cell = steps(matrix.groups[0]?.rows[4]?.cells ?? [])[1] as StepCell;
    expect(cellWords(cell)).toBe('builder 5 · executed 3m 12s · +88.4 MB · 3 paths differ and reach the image, first root/.local/…/_imaging.cpython-312-aarch64.so · on w3');
  });
  it('tells of an accelerated step', () => {
    const cell = steps(matrix.groups[0]?.rows[4]?.cells ?? [])[1] as StepCell;
    const accelerated = { ...cell, step: { ...cell.step, acceleratedBy: 'debian-bookworm-arm64' } };
    expect(cellWords(accelerated)).toContain('on w3 · accelerated by debian-bookworm-arm64');
  });
  it('scales bars by the square root', () => {
    expect(barWidth(400, 400)).toBe(100);
    expect(barWidth(100, 400)).toBe(50);
    expect(barWidth(0, 0)).toBe(0);
  });
  it('leaves out what never ran', () => {
    const failed = matrixOf(build('416'));
    expect(failed.groups[1]?.rows[1]?.cells.map((cell) => cell.kind)).toEqual(['step', 'none']);
  });
  it('stands before the plan', () => expect(matrixOf(build('420'))).toMatchObject({ columns: [{ platform: 'linux/arm64' }], groups: [] }));
  it('holds 12 platforms x 60 stages', () => {
    const wide = matrixOf(build('410'));
    expect([wide.columns.length, wide.groups.length]).toEqual([12, 60]);
  });
  it('reads FROM', () => {
    expect(fromName('FROM --platform=$BUILDPLATFORM node:22 AS assets')).toBe('node:22');
    expect(fromName('FROM scratch')).toBe('scratch');
  });
});

describe('needs and graph', () => {
  it('finds what a stage copies, on its own platform', () => {
    const shop = build('412');
    const needs = needsOf(shop, shop.stages[5] as (typeof shop.stages)[number]);
    expect(needs.map((need) => [need.stage.index, need.path])).toEqual([[1, '/root/.local'], [3, '/src/dist']]);
  });
  it('lays stages out in layers', () => {
    const graph = graphOf(build('412'), new Set(['2>6']));
    const layer = (title: string) => graph?.nodes.find((node) => node.title === title)?.layer;
    expect([layer('python:3.12'), layer('builder'), layer('python:3.12-slim'), layer('stage-2')]).toEqual([0, 1, 1, 2]);
    expect(graph?.edges.filter((edge) => edge.critical).map((edge) => [edge.path, edge.size])).toEqual([['/root/.local', '73.9 to 91.0 MB']]);
    expect(graph?.nodes.find((node) => node.kind === 'target')?.texts.map((text) => text.value)).toEqual(['231 to 252 MB', '793 MB (77 %)']);
    for (const a of graph?.nodes ?? []) {
      for (const b of graph?.nodes ?? []) {
        const apart = a === b || a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
        expect(apart).toBe(true);
      }
    }
  });
});

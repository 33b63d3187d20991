import { describe, expect, it } from 'vitest';
import { BOUNDS, boundProblem, boundsOf } from './step_bounds';

const NONE = { memory: '', cpus: '', processes: '', disk: '', log: '' };

describe('limits of a step', () => {
  it('are numbers for the API', () =>
    expect(boundsOf({ memory: '2g', cpus: '1.5', processes: '1000', disk: '1.5GiB', log: '65536' })).toEqual({
      memory: '2147483648', cpuMillis: 1500, processes: 1000, disk: '1610612736', log: '65536',
    }));
  it('are the farm\'s own where none is given', () => {
    expect(boundsOf(NONE)).toBeUndefined();
    expect(boundsOf({ ...NONE, cpus: '2' })).toEqual({ cpuMillis: 2000 });
  });
  it('read sizes as the command line does', () => {
    for (const [text, bytes] of [['1', '1'], ['64m', '67108864'], ['64MB', '67108864'], ['2TiB', '2199023255552'], ['1.5k', '1536'], ['.5k', '512'], ['10b', '10']] as const)
      expect(boundsOf({ ...NONE, memory: text })?.memory, text).toBe(bytes);
    for (const wrong of ['0', '0.1', '-1', '1x', 'g', '1 g', '1e3', '9e18', '99999999t', 'mb', '1ii']) {
      expect(boundProblem('memory', wrong), wrong).toMatch(/64m/);
      expect(boundsOf({ ...NONE, memory: wrong }), wrong).toBeUndefined();
    }
  });
  it('are told when they are none', () => {
    for (const wrong of ['0', '0.001', '100001', 'two']) expect(boundProblem('cpus', wrong), wrong).toMatch(/1\.5/);
    for (const wrong of ['0', '1.5', '4294967296', '-1']) expect(boundProblem('processes', wrong), wrong).toMatch(/1000/);
    for (const { name, placeholder } of BOUNDS) {
      expect(boundProblem(name, ''), name).toBeUndefined();
      expect(boundProblem(name, placeholder), name).toBeUndefined();
    }
  });
});

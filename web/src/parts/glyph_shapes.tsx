// The shapes of the glyphs, 12 by 12. Each is drawn where it stands: a <use> of one that is kept once costs a browser
// three times the nodes, and a matrix has thousands of them.
import type { JSX } from 'preact';

export const SHAPES: Record<string, () => JSX.Element> = {
  ok: () => <path d="M2 6.4 4.8 9.2 10 2.8" />,
  bad: () => <path d="M2.6 2.6l6.8 6.8M9.4 2.6 2.6 9.4" />,
  run: () => <g class="spin"><circle cx="6" cy="6" r="4.4" stroke-opacity=".3" /><path d="M6 1.6A4.4 4.4 0 0 1 10.4 6" /></g>,
  queue: () => <circle cx="6" cy="6" r="4.2" stroke-dasharray="1.6 2.6" />,
  cancel: () => <><circle cx="6" cy="6" r="4.6" /><path d="M2.9 9.1 9.1 2.9" /></>,
  infra: () => <><path d="M6 1.4 11 10.4H1z" /><path d="M6 4.9v2.2M6 8.9v.1" /></>,
  cached: () => <path d="M9.9 6.4A4 4 0 1 1 8.6 3.2M8.9.9v2.5H6.4" />,
  time: () => <><circle cx="6" cy="6" r="4.7" /><path d="M6 3.4V6l2 1.2" /></>,
  eq: () => <path d="M1.8 4.2h8.4M1.8 7.8h8.4" />,
  ne: () => <path d="M1.8 4.2h8.4M1.8 7.8h8.4M8.2 1.2 3.8 10.8" />,
  flaky: () => <path d="M1.5 4.8c1.5-2 3-2 4.5-.4s3 1.6 4.5-.4M1.5 8.6c1.5-2 3-2 4.5-.4s3 1.6 4.5-.4" />,
  drift: () => <path d="M1 4.2h6.6M4.4 7.8H11" />,
  inc: () => <path d="M3.7 4.1a2.3 2.3 0 1 1 3.4 2c-.7.4-1.1.8-1.1 1.6M6 10.3v.1" />,
  one: () => <path d="M1.8 6h8.4" />,
  wheel: () => <><circle cx="6" cy="6" r="4.4" /><circle cx="6" cy="6" r="1" fill="currentColor" /></>,
  src: () => <><path d="M2 3.2h8" stroke-width="3.6" stroke-linecap="butt" /><path d="M6 5v6" stroke-width="2.2" /></>,
  srcc: () => <><path d="M2.2 1.6h7.6v3.2H2.2z" stroke-width="1.3" /><path d="M6 5v6" stroke-width="1.6" /></>,
  emu: () => <><path d="M1.5 1.5h9v9h-9z" stroke-width="1.3" /><path d="M1.5 6 6 1.5M2 10 10 2M6 10.5 10.5 6" stroke-width="1.1" /></>,
  base: () => <path d="M1.5 3.2 6 1.2l4.5 2L6 5.2zM1.5 6 6 8l4.5-2M1.5 8.8l4.5 2 4.5-2" stroke-width="1.3" />,
  cfg: () => <path d="M2 6h.1M6 6h.1M10 6h.1" />,
  shared: () => <path d="M1.5 4h8M7.400 1.800 9.700 4 7.400 6.200M10.500 8.400h-8M4.600 6.200 2.300 8.400 4.600 10.600" />,
  find: () => <><circle cx="5" cy="5" r="3.4" /><path d="M7.6 7.6 10.6 10.6" /></>,
  up: () => <path d="M2.5 7.5 6 4l3.500 3.500" />,
  down: () => <path d="M2.500 4.500 6 8l3.500-3.500" />,
  right: () => <path d="M4.500 2.500 8 6l-3.500 3.500" />,
  theme: () => <><circle cx="6" cy="6" r="4.400" /><path d="M6 1.600a4.400 4.400 0 0 1 0 8.800z" fill="currentColor" /></>,
};

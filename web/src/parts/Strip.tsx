// The last 20 builds of one platform: up succeeded, down failed, hollow the farm's, a dot below for other bytes.
import type { Point } from '../model/wall';

const BASE = 17;
const STEP = 7.2;
const WIDTH = 5.4;

function Bar({ point, x, most, newest }: { point: Point; x: number; most: number; newest: boolean }) {
  const height = point.kind === 'cached' ? 3 : Math.max(3, 14 * Math.sqrt(point.seconds / Math.max(most, 0.001)));
  switch (point.kind) {
    case 'failed':
      return <rect class="d" x={x} y={BASE} width={WIDTH} height={9} />;
    case 'farm':
      return <rect class="x" x={x + 0.5} y={BASE + 0.5} width={WIDTH - 1} height={6} />;
    case 'gap':
      return null;
    case 'differs':
      return (
        <>
          <rect class="u n" x={x} y={BASE - height} width={WIDTH} height={height} />
          <circle class="n" cx={x + WIDTH / 2} cy={22} r={1.5} />
        </>
      );
    case 'running':
      return <rect class="rn" x={x} y={BASE - Math.max(4, height)} width={WIDTH} height={Math.max(4, height)} />;
    default:
      return <rect class={newest ? 'last' : 'u'} x={x} y={BASE - height} width={WIDTH} height={height} />;
  }
}

export function Strip({ points }: { points: readonly Point[] }) {
  const most = Math.max(...points.map((point) => point.seconds), 0.001);
  const failed = points.filter((point) => point.kind === 'failed').length;
  const different = points.filter((point) => point.kind === 'differs').length;
  const offset = 20 - points.length;
  return (
    <svg class="strip" width={144} height={26} viewBox="0 0 144 26" role="img" aria-label={`last ${points.length} builds: ${failed} failed, ${different} unreproducible`}>
      <path class="base" d="M0 17h142" />
      {points.map((point, i) => (
        <Bar key={point.build} point={point} x={(i + offset) * STEP} most={most} newest={i === points.length - 1} />
      ))}
    </svg>
  );
}

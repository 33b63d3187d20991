// The stage graph as SVG; under 760 px and for very many stages a list says the same.
import type { Graph, GraphEdge, GraphNode } from '../../model/graph';
import { seconds } from '../../format/time';

function Edge({ edge }: { edge: GraphEdge }) {
  return (
    <g>
      <path class={`ed${edge.critical ? ' cp' : ''}`} d={edge.d} />
      {edge.path && (
        <text class="t3 mono" x={edge.labelX} y={edge.labelY - 7}>
          {edge.path.length > 22 ? `…${edge.path.slice(-20)}` : edge.path}
        </text>
      )}
      {edge.size && (
        <text class="t3" x={edge.labelX} y={edge.labelY + 16}>
          {edge.size}
        </text>
      )}
    </g>
  );
}

function clip(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function Node({ node, longest }: { node: GraphNode; longest: number }) {
  const right = node.x + node.width - 10;
  const head = node.kind === 'base' ? 15 : 17;
  return (
    <g>
      <rect class={`bx${node.kind === 'target' ? ' fin' : ''}`} x={node.x} y={node.y} width={node.width} height={node.height} rx={2} />
      <text x={node.x + 10} y={node.y + head} class={node.kind === 'base' ? '' : 'b'}>
        {clip(node.title, Math.floor((node.width - (node.kind === 'base' ? 16 : 80)) / 6.6))}
      </text>
      {node.kind === 'base' ? (
        <text class="t3" x={node.x + 10} y={node.y + 29}>
          {node.note}
        </text>
      ) : (
        <text class="t3" x={right} y={node.y + 17} text-anchor="end">
          {node.note}
        </text>
      )}
      {node.rows.map((row, i) => {
        const y = node.y + 36 + 16 * i;
        const width = Math.max(2, (58 * Math.sqrt(row.seconds)) / Math.sqrt(longest));
        return (
          <g key={row.platform}>
            <text class="t3" x={node.x + 10} y={y}>
              {clip(row.platform, 8)}
            </text>
            <rect class={row.differs ? 'ldf' : 'lb'} x={node.x + 58} y={y - 7} width={width} height={6} />
            <text class="t3" x={right} y={y} text-anchor="end">
              {seconds(row.seconds)}
            </text>
          </g>
        );
      })}
      {node.texts.map((line, i) => {
        const y = node.y + (node.kind === 'target' ? 37 + 19 * i : 36 + 16 * (node.rows.length + i));
        return (
          <g key={line.label}>
            <text class="t3" x={node.x + 10} y={y}>
              {line.label}
            </text>
            <text x={right} y={y} text-anchor="end">
              {line.value}
            </text>
          </g>
        );
      })}
    </g>
  );
}

function StageList({ graph }: { graph: Graph }) {
  const stages = graph.nodes.filter((node) => node.kind !== 'base');
  return (
    <ul class="glist">
      {stages.map((node) => {
        const needs = graph.edges.filter((edge) => edge.to === node);
        return (
          <li key={node.key}>
            <b>{node.title}</b> <span class="i3">{node.note}</span>
            {needs.map((edge) => (
              <div key={edge.from.key} class={edge.critical ? 'i2 b' : 'i2'}>
                {edge.from.kind === 'base' ? 'from' : 'takes'} {edge.path ? <code>{edge.path}</code> : ''} {edge.path ? 'of ' : ''}
                {edge.from.title} {edge.size}
              </div>
            ))}
            {node.texts.map((text) => (
              <div key={text.label} class="i2">
                {text.label} {text.value}
              </div>
            ))}
          </li>
        );
      })}
    </ul>
  );
}

const MOST_DRAWN = 26;

export function StageGraph({ graph }: { graph: Graph }) {
  const stages = graph.nodes.filter((node) => node.kind !== 'base').length;
  if (stages > MOST_DRAWN) return <StageList graph={graph} />;
  const edges = graph.edges.filter((edge) => edge.from.kind !== 'base').map((edge) => `${edge.from.title} is copied into ${edge.to.title}`);
  return (
    <>
      <div class="scroll grw" tabIndex={0} role="region" aria-label="stage graph">
        <svg class="gr" viewBox={`0 0 ${graph.width} ${graph.height}`} width={graph.width} height={graph.height} role="img" aria-label={`Stage graph: ${edges.join(', ') || 'one stage'}`}>
          {graph.edges.map((edge) => (
            <Edge key={`${edge.from.key}>${edge.to.key}`} edge={edge} />
          ))}
          {graph.nodes.map((node) => (
            <Node key={node.key} node={node} longest={graph.longest} />
          ))}
        </svg>
      </div>
      <div class="grl">
        <StageList graph={graph} />
      </div>
    </>
  );
}

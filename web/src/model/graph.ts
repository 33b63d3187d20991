// The graph of stages, laid out in layers from left to right: bases, stages, target. Platforms of one stage are one node.
import type { Build, Stage } from './types';
import { shortPlatform, stageLabel } from './build';
import { needsOf } from './recipe_edges';
import { fromName } from './matrix';
import { bytes, bytesRange } from '../format/number';

export interface NodeRow {
  platform: string;
  seconds: number;
  differs: boolean;
}

export interface GraphNode {
  key: string;
  kind: 'base' | 'stage' | 'target';
  title: string;
  note: string;
  rows: NodeRow[];
  texts: { label: string; value: string }[];
  layer: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface GraphEdge {
  from: GraphNode;
  to: GraphNode;
  path: string;
  size: string;
  critical: boolean;
  d: string;
  labelX: number;
  labelY: number;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  width: number;
  height: number;
  longest: number;
}

const GAP_Y = 18;
const ROWS_SHOWN = 4;

interface Group {
  node: GraphNode;
  stages: Stage[];
  order: number;
}

function stageNode(build: Build, stages: readonly Stage[]): GraphNode {
  const [any] = stages as [Stage];
  const targets = build.cells.filter((cell) => stages.some((stage) => stage.index === cell.targetStage));
  const rows = stages.map((stage) => ({
    platform: shortPlatform(stage.platform),
    seconds: stage.steps.reduce((sum, step) => sum + step.seconds, 0),
    differs: build.cells.some((cell) => cell.comparison?.steps.some((step) => step.stage === stage.index && !step.agrees && step.reachesImage)),
  }));
  const count = Math.max(...stages.map((stage) => stage.steps.reduce((last, step) => Math.max(last, step.number), 1)));
  const once = stages.length === 1 && build.cells.length > 1 && build.cells.filter((cell) => cell.stages.includes(any.index)).length > 1;
  const base = { key: `s${any.fromRange?.first ?? any.index}/${any.name}`, title: stageLabel(any), layer: 1, x: 0, y: 0 };
  if (targets.length > 0) {
    const images = targets.map((cell) => cell.imageBytes).filter((size) => size > 0);
    const left = Math.max(0, ...targets.map((cell) => cell.allStagesBytes - cell.imageBytes));
    const texts = [];
    if (images.length > 0) texts.push({ label: 'image', value: bytesRange(images) });
    if (left > 0) {
      const worst = targets.reduce((a, b) => (b.allStagesBytes - b.imageBytes > a.allStagesBytes - a.imageBytes ? b : a));
      texts.push({ label: 'left behind', value: `${bytes(left)} (${Math.round((100 * left) / worst.allStagesBytes)} %)` });
    }
    return { ...base, kind: 'target', note: `target, ${count} steps`, rows: [], texts, width: 220, height: 30 + 19 * texts.length };
  }
  const shown = [...rows].sort((a, b) => b.seconds - a.seconds).slice(0, ROWS_SHOWN);
  const kept = rows.length > ROWS_SHOWN ? shown : rows;
  const texts = rows.length > ROWS_SHOWN ? [{ label: `and ${rows.length - ROWS_SHOWN} more, shorter`, value: '' }] : [];
  return {
    ...base, kind: 'stage', note: once ? `${count} steps, once` : `${count} steps`, rows: kept, texts,
    width: 174, height: 32 + 16 * (kept.length + texts.length),
  };
}

function groupsOf(build: Build): Map<string, Group> {
  const used = build.cells.some((cell) => cell.stages.length > 0) ? new Set(build.cells.flatMap((cell) => cell.stages)) : undefined;
  const byKey = new Map<string, Stage[]>();
  for (const stage of build.stages) {
    if (used && !used.has(stage.index)) continue;
    const key = `s${stage.fromRange?.first ?? stage.index}/${stage.name}`;
    byKey.set(key, [...(byKey.get(key) ?? []), stage]);
  }
  const groups = new Map<string, Group>();
  for (const [key, stages] of byKey) {
    groups.set(key, { node: stageNode(build, stages), stages, order: stages[0]?.fromRange?.first ?? stages[0]?.index ?? 0 });
  }
  return groups;
}

interface Link {
  from: string;
  to: string;
  path: string;
  sizes: number[];
  critical: boolean;
}

function linksOf(build: Build, groups: Map<string, Group>, critical: Set<string>): Link[] {
  const keyOf = new Map<number, string>();
  for (const [key, group] of groups) for (const stage of group.stages) keyOf.set(stage.index, key);
  const links = new Map<string, Link>();
  for (const [to, group] of groups) {
    for (const stage of group.stages) {
      for (const need of needsOf(build, stage)) {
        const from = keyOf.get(need.stage.index);
        if (!from || from === to) continue;
        const id = `${from}>${to}`;
        const link = links.get(id) ?? { from, to, path: need.path, sizes: [], critical: false };
        if (need.path !== link.path && need.path && !link.path.includes(need.path)) link.path = link.path ? `${link.path.split(' ')[0]} and more` : need.path;
        if (need.step?.layer) link.sizes.push(need.step.layer.bytes);
        link.critical ||= critical.has(`${need.stage.index}>${stage.index}`);
        links.set(id, link);
      }
    }
  }
  return [...links.values()];
}

function setLayers(groups: Map<string, Group>, links: readonly Link[]): void {
  for (let round = 0; round < groups.size; round += 1) {
    let changed = false;
    for (const link of links) {
      const from = groups.get(link.from)?.node;
      const to = groups.get(link.to)?.node;
      if (from && to && to.layer <= from.layer) {
        to.layer = from.layer + 1;
        changed = true;
      }
    }
    if (!changed) return;
  }
}

/** A base stands just left of the first stage that stands on it. */
function baseNodes(build: Build, groups: Map<string, Group>): { nodes: GraphNode[]; links: Link[] } {
  const nodes = new Map<string, GraphNode>();
  const links: Link[] = [];
  for (const [key, group] of groups) {
    const bases = group.stages.map((stage) => (stage.base >= 0 ? build.bases[stage.base] : undefined)).filter((base) => base !== undefined);
    const [any] = bases;
    if (!any) continue;
    const name = fromName(group.stages[0]?.fromText ?? '') || any.reference;
    const id = `b${name}`;
    const known = nodes.get(id);
    const layer = group.node.layer - 1;
    const sizes = bases.map((base) => base.bytes).filter((size) => size > 0);
    if (known) known.layer = Math.min(known.layer, layer);
    else {
      const note = any.standIn ? 'stand-in' : bytesRange(sizes);
      nodes.set(id, { key: id, kind: 'base', title: name, note, rows: [], texts: [], layer, x: 0, y: 0, width: Math.min(200, Math.max(116, 22 + 7 * name.length)), height: note ? 36 : 28 });
    }
    links.push({ from: id, to: key, path: '', sizes: [], critical: false });
  }
  return { nodes: [...nodes.values()], links };
}

/** Columns left to right; within one, by where what they need stands. */
function setPlaces(nodes: GraphNode[], links: readonly Link[], order: Map<string, number>): { width: number; height: number } {
  const byKey = new Map(nodes.map((node) => [node.key, node]));
  const last = Math.max(...nodes.map((node) => node.layer));
  let x = 0;
  let height = 0;
  for (let layer = 0; layer <= last; layer += 1) {
    const column = nodes.filter((node) => node.layer === layer);
    if (column.length === 0) continue;
    const wish = new Map(column.map((node) => [node, wishedCentre(node, links, byKey)]));
    column.sort((a, b) => (wish.get(a) ?? 1e6) - (wish.get(b) ?? 1e6) || (order.get(a.key) ?? 0) - (order.get(b.key) ?? 0));
    let y = 4;
    for (const node of column) {
      const centre = wish.get(node);
      node.x = x + 0.5;
      node.y = Math.max(y, centre === undefined ? y : centre - node.height / 2) + 0.5;
      y = node.y + node.height + GAP_Y;
    }
    height = Math.max(height, y - GAP_Y + 6);
    const labelled = links.some((link) => byKey.get(link.from)?.layer === layer && link.path);
    x += Math.max(...column.map((node) => node.width)) + (labelled ? 168 : 44);
  }
  return { width: Math.max(...nodes.map((node) => node.x + node.width)) + 2, height };
}

function wishedCentre(node: GraphNode, links: readonly Link[], byKey: Map<string, GraphNode>): number | undefined {
  const centres = links.filter((link) => link.to === node.key).map((link) => byKey.get(link.from)).filter((from) => from !== undefined && from.layer < node.layer).map((from) => (from as GraphNode).y + (from as GraphNode).height / 2);
  return centres.length > 0 ? centres.reduce((sum, each) => sum + each, 0) / centres.length : undefined;
}

function edgeOf(link: Link, byKey: Map<string, GraphNode>, entry: number): GraphEdge | undefined {
  const from = byKey.get(link.from);
  const to = byKey.get(link.to);
  if (!from || !to) return undefined;
  const x1 = from.x + from.width;
  const y1 = from.y + from.height / 2;
  const x2 = to.x;
  const y2 = to.y + entry;
  const bend = Math.min(80, (x2 - x1) * 0.6);
  const turn = x2 - bend;
  const middle = turn + bend / 2;
  const d = Math.abs(y1 - y2) < 1 ? `M${x1} ${y1}H${x2}` : `M${x1} ${y1}H${turn}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
  return { from, to, path: link.path, size: bytesRange(link.sizes), critical: link.critical, d, labelX: x1 + 12, labelY: y1 };
}

export function graphOf(build: Build, critical: Set<string> = new Set()): Graph | undefined {
  const groups = groupsOf(build);
  if (groups.size === 0) return undefined;
  const links = linksOf(build, groups, critical);
  setLayers(groups, links);
  const bases = baseNodes(build, groups);
  const nodes = [...bases.nodes, ...[...groups.values()].map((group) => group.node)];
  const allLinks = [...bases.links, ...links];
  const order = new Map([...groups].map(([key, group]) => [key, group.order]));
  const { width, height } = setPlaces(nodes, allLinks, order);
  const byKey = new Map(nodes.map((node) => [node.key, node]));
  const edges: GraphEdge[] = [];
  for (const node of nodes) {
    const incoming = allLinks.filter((link) => link.to === node.key).sort((a, b) => (byKey.get(a.from)?.y ?? 0) - (byKey.get(b.from)?.y ?? 0));
    incoming.forEach((link, i) => {
      const edge = edgeOf(link, byKey, (node.height * (i + 1)) / (incoming.length + 1));
      if (edge) edges.push(edge);
    });
  }
  const longest = Math.max(0.001, ...nodes.flatMap((node) => node.rows.map((row) => row.seconds)));
  return { nodes, edges, width, height, longest };
}

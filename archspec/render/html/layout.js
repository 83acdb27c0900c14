// Where boxes stand: layer by layer from the top, each open block laid out by itself and then a box of its own.
//
// A scope is given as items (with `w`, `h`, and for each tensor that enters or leaves an open block the place where:
// `entry`, `exit`), and edges between them. Long edges pass through points of their own in every rank between, which
// edges of the same tensor share. Ranks are longest ways; the order within a rank follows the neighbours' middle
// (Sugiyama's method); places come from least squares under "in this order, so far apart".

const GAP = { across: 18, down: 26, point: 9 };

/** Places items (`x`, `y`: their middle and top) and returns the scope's size and the edges' points. */
function layered(items, edges) {
  const nodes = new Map(items.map((item) => [item.key, { item, key: item.key, w: item.w, h: item.h, up: [], down: [] }]));
  rank(nodes, edges);
  const ranks = pointed(nodes, edges);
  order(ranks);
  place(ranks);
  let y = 0;
  for (const row of ranks) {
    const height = Math.max(0, ...row.map((node) => node.h));
    for (const node of row) {
      node.y = y + (node.item && node.item.port ? 0 : (height - node.h) / 2);
      node.top = y;
      node.bottom = y + height;
    }
    const next = ranks[ranks.indexOf(row) + 1];
    const fans = row.some((node) => node.down.length > 1);
    if (next) y += height + (next.every(ends) || (row.every(ends) && !fans) ? GAP.down / 2 : GAP.down);
  }
  const all = ranks.flat();
  const left = Math.min(...all.map((node) => node.x - node.w / 2)), right = Math.max(...all.map((node) => node.x + node.w / 2));
  for (const node of all) {
    node.x -= left;
    if (node.item) Object.assign(node.item, { x: node.x, y: node.y });
  }
  const bottom = Math.max(...all.map((node) => node.bottom));
  return { w: right - left, h: bottom, edges: edges.map((edge) => route(edge, nodes)) };
}

const ends = (node) => Boolean(node.item && node.item.port);

function rank(nodes, edges) {
  const waiting = new Map([...nodes.keys()].map((key) => [key, 0]));
  const leaving = new Map([...nodes.keys()].map((key) => [key, []]));
  for (const { from, to } of edges) { waiting.set(to, waiting.get(to) + 1); leaving.get(from).push(to); }
  const ready = [...nodes.keys()].filter((key) => !waiting.get(key));
  for (const key of ready) nodes.get(key).rank = 0;
  while (ready.length) {
    const key = ready.shift();
    for (const next of leaving.get(key)) {
      nodes.get(next).rank = Math.max(nodes.get(next).rank || 0, nodes.get(key).rank + 1);
      waiting.set(next, waiting.get(next) - 1);
      if (!waiting.get(next)) ready.push(next);
    }
  }
  const last = Math.max(...[...nodes.values()].map((node) => node.rank));
  for (const node of nodes.values()) if (node.item.port === "out") node.rank = Math.max(last, 1);
  for (const node of nodes.values()) { // what ends here stands right below what it reads, an input right above its reader
    const readers = leaving.get(node.key);
    if (!node.item.port && readers.length && !edges.some((edge) => edge.to === node.key)) {
      node.rank = Math.min(...readers.map((key) => nodes.get(key).rank)) - 1;
    }
  }
}

/** The ranks as rows, with points where edges pass through. */
function pointed(nodes, edges) {
  const rows = [];
  const put = (node) => { (rows[node.rank] = rows[node.rank] || []).push(node); };
  for (const node of nodes.values()) put(node);
  const points = new Map();
  for (const edge of edges) {
    edge.through = [];
    let above = nodes.get(edge.from);
    const end = nodes.get(edge.to);
    for (let r = above.rank + 1; r < end.rank; r += 1) {
      const key = `${edge.tap} ${edge.from} ${r}`;
      let point = points.get(key);
      if (!point) {
        point = { key, rank: r, w: GAP.point, h: 0, up: [], down: [] };
        points.set(key, point);
        put(point);
        link(above, point, edge);
      }
      edge.through.push(point);
      above = point;
    }
    link(above, end, edge);
  }
  return Array.from(rows, (row) => row || []);
}

function link(above, below, edge) {
  const outer = (node, side) => (node.item && node.item[side] && node.item[side].get(edge.tap)) || 0;
  const weight = above.item && below.item ? 100 : 1;
  above.down.push({ node: below, weight, here: outer(above, "exit"), there: outer(below, "entry") });
  below.up.push({ node: above, weight, here: outer(below, "entry"), there: outer(above, "exit") });
}

function order(rows) {
  const settle = () => rows.forEach((row) => row.forEach((node, i) => { node.i = i - (row.length - 1) / 2; }));
  const middle = (node, side) => node[side].length
    ? node[side].reduce((sum, l) => sum + l.node.i + Math.sign(l.there) * 0.1, 0) / node[side].length : node.i;
  settle();
  for (let sweep = 0; sweep < 8; sweep += 1) {
    const side = sweep % 2 ? "down" : "up";
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      for (const node of row) node.want = middle(node, side);
      row.sort((a, b) => a.want - b.want || a.i - b.i);
      row.forEach((node, i) => { node.i = i - (row.length - 1) / 2; });
    }
  }
}

function place(rows) {
  for (const row of rows) {
    let x = 0;
    row.forEach((node, i) => { x += i ? apart(row[i - 1], node) : 0; node.x = x; });
    row.forEach((node) => { node.x -= x / 2; });
  }
  for (let sweep = 0; sweep < 16; sweep += 1) {
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      const sides = sweep < 14 ? [sweep % 2 ? "down" : "up"] : ["up", "down"];
      for (const node of row) {
        const links = sides.flatMap((side) => node[side]);
        const total = links.reduce((sum, l) => sum + l.weight, 0);
        node.want = total ? links.reduce((sum, l) => sum + l.weight * (l.node.x + l.there - l.here), 0) / total : node.x;
        node.pull = node.item ? (node.item.port ? 2 : 60) : 1;
      }
      spread(row);
    }
  }
}

const apart = (a, b) => (a.w + b.w) / 2 + (a.item && b.item ? GAP.across : GAP.across * 0.7);

/** Places as near to the wanted ones as they can be, in this order and this far apart: neighbours that collide move as one. */
function spread(row) {
  const groups = [];
  let offset = 0;
  row.forEach((node, i) => {
    offset += i ? apart(row[i - 1], node) : 0;
    node.offset = offset;
    let group = { nodes: [node], pull: node.pull, sum: node.pull * (node.want - offset) };
    while (groups.length && groups[groups.length - 1].sum / groups[groups.length - 1].pull > group.sum / group.pull) {
      const before = groups.pop();
      group = { nodes: before.nodes.concat(group.nodes), pull: before.pull + group.pull, sum: before.sum + group.sum };
    }
    groups.push(group);
  });
  for (const group of groups) for (const node of group.nodes) node.x = group.sum / group.pull + node.offset;
}

/** An edge's points: out of its source, through the points between, into its target; verticals where it passes boxes. */
function route(edge, nodes) {
  const from = nodes.get(edge.from), to = nodes.get(edge.to);
  const side = (node, which) => (node.item[which] && node.item[which].get(edge.tap)) || 0;
  const points = [[from.x + side(from, "exit"), from.y + from.h]];
  if (from.y + from.h < from.bottom) points.push([points[0][0], from.bottom]);
  for (const point of edge.through) { points.push([point.x, point.top]); points.push([point.x, point.bottom]); }
  const end = to.x + side(to, "entry");
  if (to.y > to.top) points.push([end, to.top]);
  points.push([end, to.y]);
  return { ...edge, points };
}

/** A path through points, vertical in each: straight where it goes straight down. */
function curve(points, dx, dy) {
  const at = ([x, y]) => `${(x + dx).toFixed(1)} ${(y + dy).toFixed(1)}`;
  let path = `M${at(points[0])}`;
  for (let i = 1; i < points.length; i += 1) {
    const [x0, y0] = points[i - 1], [x1, y1] = points[i], half = (y0 + y1) / 2;
    path += Math.abs(x0 - x1) < 0.5 ? `L${at(points[i])}` : `C${at([x0, half])} ${at([x1, half])} ${at(points[i])}`;
  }
  return path;
}

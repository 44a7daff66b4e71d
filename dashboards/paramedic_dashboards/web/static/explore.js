// The explorer's chart, with a pointer: the page has it without this too. Text from outside is only ever set as text.

const place = document.getElementById("plot");
const root = document.documentElement.dataset.root || "./";
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const values = [...document.querySelectorAll("td[data-value]")];
const head = document.getElementById("at");

function short(v) {
  if (v == null || !isFinite(v)) return v == null ? "–" : String(v);
  const size = Math.abs(v);
  for (const [least, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= least) return `${+(v / (unit === "k" ? 1e3 : least)).toPrecision(4)}${unit}`;
  }
  return String(+v.toPrecision(4));
}

async function load() {
  const { expr, start, end, step, drawn } = place.dataset;
  const answer = await fetch(new URL(`${root}prometheus/api/v1/query_range`, location.href), {
    method: "POST",
    body: new URLSearchParams({ query: expr, start, end, step, limit: drawn }),
  });
  if (!answer.ok) return; // what the server has drawn stays
  const { data } = await answer.json();
  const times = [];
  for (let t = +start; t <= +end; t += +step) times.push(t);
  const rows = data.result.map((series) => {
    const row = new Array(times.length).fill(null);
    for (const [t, v] of series.values) {
      const value = Number(v);
      row[Math.round((t - start) / step)] = isFinite(value) ? value : null;
    }
    return row;
  });
  if (rows.length) draw(times, rows);
}

function clock(t, long) {
  const at = new Date(t * 1000);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: long ? "2-digit" : undefined, hourCycle: "h23" });
  return +place.dataset.end - place.dataset.start > 86400 ? `${at.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}` : time;
}

function point(u) {
  const at = u.cursor.idx;
  head.textContent = at == null ? "last" : clock(u.data[0][at], true);
  values.forEach((cell, i) => {
    cell.textContent = at == null || i + 1 >= u.data.length ? cell.dataset.value : short(u.data[i + 1][at]);
  });
}

function draw(times, rows) {
  place.replaceChildren();
  const grid = { stroke: css("--line"), width: 1 };
  const axis = { stroke: css("--faint"), grid, ticks: { show: false }, font: "11px system-ui" };
  const plot = new window.uPlot({
    width: place.clientWidth,
    height: 260,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    hooks: { setCursor: [point] },
    scales: { y: { range: (_u, low, high) => {
      if (low == null) return [0, 1];
      const ground = low >= 0 && low < high / 2 ? 0 : low;
      const air = (high - ground || Math.abs(high) || 1) * 0.08;
      return [ground ? ground - air : 0, high + air];
    } } },
    series: [{}, ...rows.map((_, i) => ({ points: { show: false }, stroke: css(`--s${i % 10}`), width: 1.5 }))],
    axes: [{ ...axis, size: 30, values: (_u, ticks) => ticks.map((t) => clock(t)) }, { ...axis, size: 62, values: (_u, ticks) => ticks.map(short) }],
  }, [times, ...rows], place);
  addEventListener("resize", () => plot.setSize({ width: place.clientWidth, height: 260 }));
}

if (place && window.uPlot) load().catch(() => {});

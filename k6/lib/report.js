// What k6 found, as text for the terminal, JSON for programs, and one HTML file for people, without anything from elsewhere.

const DIRECTORY = __ENV.REPORT_DIR || '';

// The `handleSummary` of a scenario with this name.
export function report(name) {
  return (data) => {
    const result = { stdout: text(name, data) };
    if (DIRECTORY) {
      result[`${DIRECTORY}/${name}.json`] = JSON.stringify(data, null, 2);
      result[`${DIRECTORY}/${name}.html`] = html(name, data);
    }
    return result;
  };
}

function number(value) {
  if (typeof value !== 'number') return '';
  if (Number.isInteger(value)) return value.toString();
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

// [{ name, expression, good }]
function judged(data) {
  const rows = [];
  for (const [name, metric] of Object.entries(data.metrics)) {
    for (const [expression, { ok }] of Object.entries(metric.thresholds || {})) {
      if (expression !== 'max>=0') rows.push({ name, expression, good: ok });
    }
  }
  return rows.sort((one, other) => one.name.localeCompare(other.name));
}

function kinds(data) {
  const rows = [];
  for (const [name, metric] of Object.entries(data.metrics)) {
    const kind = /^http_req_duration\{kind:(.+)\}$/.exec(name);
    if (!kind) continue;
    const requests = data.metrics[`http_reqs{kind:${kind[1]}}`];
    rows.push({ kind: kind[1], requests: requests ? requests.values : { count: 0, rate: 0 }, times: metric.values });
  }
  return rows;
}

// Counters, shares and trends of the scenario's own.
function own(data) {
  const builtIn = /^(http_|iteration|vus|data_|checks|group_duration|dropped_|done)/;
  return Object.entries(data.metrics).filter(([name]) => !builtIn.test(name));
}

const VALUES = ['count', 'rate', 'avg', 'med', 'p(95)', 'p(99)', 'max'];

function values(metric) {
  return VALUES.filter((value) => metric.values[value] !== undefined)
    .map((value) => `${value} ${number(metric.values[value])}`)
    .join(', ');
}

function verdict(data) {
  const bad = judged(data).filter((row) => !row.good);
  return bad.length === 0 ? 'passed' : `failed: ${bad.map((row) => `${row.name} ${row.expression}`).join('; ')}`;
}

function text(name, data) {
  const lines = [`\n${name}: ${verdict(data)}`];
  lines.push(`${'REQUESTS'.padEnd(24)}${['COUNT', '/S', 'P50 MS', 'P95 MS', 'P99 MS', 'MAX MS'].map((s) => s.padStart(10)).join('')}`);
  for (const { kind, requests, times } of kinds(data)) {
    const cells = [requests.count, requests.rate, times.med, times['p(95)'], times['p(99)'], times.max];
    lines.push(`${kind.padEnd(24)}${cells.map((cell) => number(cell).padStart(10)).join('')}`);
  }
  for (const [metric, found] of own(data)) lines.push(`${metric}: ${values(found)}`);
  return `${lines.join('\n')}\n`;
}

function escaped(value) {
  return String(value).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
}

function table(head, rows) {
  const cells = (row, tag) => `<tr>${row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${cells(head, 'th')}</thead><tbody>${rows.map((row) => cells(row, 'td')).join('')}</tbody></table>`;
}

function html(name, data) {
  const requests = kinds(data).map(({ kind, requests: r, times: t }) =>
    [kind, r.count, number(r.rate), number(t.med), number(t['p(95)']), number(t['p(99)']), number(t.max)]);
  const found = own(data).map(([metric, value]) => [metric, values(value)]);
  const thresholds = judged(data).map((row) => [row.good ? '✓' : '✗', row.name, row.expression]);
  const checks = [];
  const walk = (group) => {
    for (const check of group.checks || []) checks.push([check.fails === 0 ? '✓' : '✗', check.name, check.passes, check.fails]);
    for (const inner of group.groups || []) walk(inner);
  };
  walk(data.root_group);
  const users = data.metrics.vus_max ? data.metrics.vus_max.values.max : 0;
  const seconds = (data.state.testRunDurationMs / 1000).toFixed(1);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(name)}</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dde3ea; }
th { font-weight: 600; background: #f3f6f9; } td { font-variant-numeric: tabular-nums; }
.passed { color: #17693a; } .failed { color: #b3261e; }
</style></head><body>
<h1>${escaped(name)}</h1>
<p class="${verdict(data) === 'passed' ? 'passed' : 'failed'}">${escaped(verdict(data))}</p>
<p>Profile ${escaped(__ENV.PROFILE || 'load')}, up to ${users} users, ${seconds} s, against ${escaped(__ENV.BASE_URL || '')}</p>
<h2>Requests</h2>${table(['kind', 'count', 'a second', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms'], requests)}
<h2>Thresholds</h2>${table(['', 'metric', 'has to be'], thresholds)}
<h2>Checks</h2>${table(['', 'check', 'passed', 'failed'], checks)}
<h2>More</h2>${table(['metric', 'values'], found)}
</body></html>
`;
}

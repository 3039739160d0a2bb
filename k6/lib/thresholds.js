// Thresholds that cannot pass where nothing was measured: k6 takes a percentile or a share of no samples for a small one, so beside
// each stands a count of what went well.
import { Counter } from 'k6/metrics';
import { TIME_SCALE } from './profiles.js';

// What was done and found right, by kind. A script that throws, or a service that refuses everything, counts nothing.
const done = new Counter('done');

export function succeeded(kind) {
  done.add(1, { kind });
}

// For each kind of request at least so many (one if not said, and fewer where there is less time), besides what `more` says.
export function thresholds(leastDone, more) {
  const all = {
    checks: ['rate>0.99'],
    http_req_failed: ['rate<0.01'],
    // Of arrival rates: users who could not come because all were still waiting.
    dropped_iterations: ['count<1'],
  };
  for (const [kind, least] of Object.entries(leastDone)) {
    all[`done{kind:${kind}}`] = [`count>=${Math.max(1, Math.floor(least * Math.min(1, TIME_SCALE)))}`];
    // Makes k6 report it by kind.
    all[`http_req_duration{kind:${kind}}`] = ['max>=0'];
    all[`http_reqs{kind:${kind}}`] = ['count>=1'];
  }
  for (const [metric, expressions] of Object.entries(more)) {
    all[metric] = (all[metric] || []).concat(expressions);
  }
  return all;
}

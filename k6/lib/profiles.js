// How many users there are, and when. A scenario names the users it grows to; a profile says how.

const LAST = (steps) => steps[steps.length - 1];

// Each takes the users of the scenario's steps, such as [10, 50, 100], and gives k6's stages.
const PROFILES = {
  // Does it work at all? For tests.
  smoke: (steps) => [
    { duration: '2s', target: Math.min(4, steps[0]) },
    { duration: __ENV.SMOKE_DURATION || '8s', target: Math.min(4, steps[0]) },
    { duration: '1s', target: 0 },
  ],
  // An ordinary day: up to the last step in 4.5 minutes.
  load: (steps) => [
    { duration: '30s', target: steps[0] },
    { duration: '60s', target: steps[1] },
    { duration: '60s', target: LAST(steps) },
    { duration: '90s', target: LAST(steps) },
    { duration: '30s', target: 0 },
  ],
  // More than it is made for: where does it bend?
  stress: (steps) => [
    { duration: '1m', target: LAST(steps) },
    { duration: '2m', target: LAST(steps) * 2 },
    { duration: '2m', target: LAST(steps) * 4 },
    { duration: '1m', target: 0 },
  ],
  // Everybody at once, and gone again.
  spike: (steps) => [
    { duration: '20s', target: steps[0] },
    { duration: '5s', target: LAST(steps) * 3 },
    { duration: '1m', target: LAST(steps) * 3 },
    { duration: '5s', target: steps[0] },
    { duration: '30s', target: steps[0] },
    { duration: '5s', target: 0 },
  ],
  // For hours: does anything grow?
  soak: (steps) => [
    { duration: '1m', target: Math.ceil(LAST(steps) / 2) },
    { duration: __ENV.SOAK_DURATION || '1h', target: Math.ceil(LAST(steps) / 2) },
    { duration: '1m', target: 0 },
  ],
};

export const PROFILE = __ENV.PROFILE || 'load';

// The share of its time that a profile takes: with TIME_SCALE=0.1 everything is over ten times as soon.
export const TIME_SCALE = Number(__ENV.TIME_SCALE || 1);
if (!(TIME_SCALE > 0)) throw new Error(`TIME_SCALE ${__ENV.TIME_SCALE} is no number above 0`);

const UNITS = { s: 1000, m: 60 * 1000, h: 60 * 60 * 1000 };

function scaled({ duration, target }) {
  const [, number, unit] = /^([0-9.]+)([smh])$/.exec(duration) || [];
  if (!unit) throw new Error(`${duration} is no time such as 90s, 30m or 8h`);
  return { duration: `${Math.max(1, Math.round(number * UNITS[unit] * TIME_SCALE))}ms`, target };
}

// The k6 scenario in which users come and go as the profile says.
export function users(steps) {
  const profile = PROFILES[PROFILE];
  if (!profile) {
    throw new Error(`PROFILE ${PROFILE} is none of ${Object.keys(PROFILES).join(', ')}`);
  }
  return {
    executor: 'ramping-vus',
    startVUs: 0,
    stages: profile(steps).map(scaled),
    gracefulRampDown: '10s',
    gracefulStop: '10s',
  };
}

// Whether a user is to write now, in so many of a hundred rounds. In the seconds of `smoke` chance would decide whether there are many
// writes, and so few hits, or none at all: there, each user writes in rounds that are known beforehand.
export function writesNow(percent) {
  return PROFILE === 'smoke' ? __ITER % 60 === 20 : Math.random() * 100 < percent;
}

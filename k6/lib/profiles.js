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

// The k6 scenario in which users come and go as the profile says.
export function users(steps) {
  const profile = PROFILES[PROFILE];
  if (!profile) {
    throw new Error(`PROFILE ${PROFILE} is none of ${Object.keys(PROFILES).join(', ')}`);
  }
  return {
    executor: 'ramping-vus',
    startVUs: 0,
    stages: profile(steps),
    gracefulRampDown: '10s',
    gracefulStop: '10s',
  };
}

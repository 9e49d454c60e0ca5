// Everything that the figures have to keep, in one place: for each scenario what a contender may cost, by itself or beside another.
// `npm run bench -- --bars` runs these scenarios, and exits with 1 if one is missed. Names in comments are those of issues.

/** Two contenders of one build: where they differ by more, the run says nothing. */
const control = { of: 'futures-twin', to: 'futures', column: 'cpu', atLeast: 0.98, atMost: 1.02 }

export const bars = {
  // The bars of issues 2 and 16, on CPU per request; issue 3: they hold with a jar and retries that are not used.
  'small-json': [
    control,
    { of: 'futures', to: 'undici-request', column: 'cpu', atMost: 0.85 },
    { of: 'futures', to: 'raw-dispatch', column: 'cpu', atMost: 1.18 },
    { of: 'futures', to: 'undici-fetch', column: 'cpu', atMost: 0.25 },
    { of: 'futures', to: 'got', column: 'cpu', atMost: 0.16 },
    { of: 'futures', to: 'axios', column: 'cpu', atMost: 0.16 },
    { of: 'futures', to: 'ky', column: 'cpu', atMost: 0.16 },
    { of: 'futures-configured', to: 'undici-request', column: 'cpu', atMost: 0.9 },
    { of: 'futures-configured', to: 'raw-dispatch', column: 'cpu', atMost: 1.25 },
  ],
  'body-64k': [control],
  sequential: [
    { ...control, column: 'active', atLeast: 0.97, atMost: 1.03 },
    { of: 'futures', to: 'undici-request', column: 'active', atMost: 1.15 },
  ],
  queued: [
    { of: 'futures', column: 'bytes', atMost: 350 },
    { of: 'futures', column: 'dispose', atMost: 300 },
  ],
  // No step faster than n log n: log 100 000 / log 1 000.
  growth: [
    { of: 'futures', column: 'cancelGrowth', atMost: 1.67 },
    { of: 'futures', column: 'runGrowth', atMost: 1.67 },
  ],
  'map-memory': [{ of: 'futures', column: 'growth', atMost: 1.15 }],
  // The bars of issue 14. `futures-tls`, HTTP/1.1, has none: it is there to be compared with.
  'http2-8': [
    { of: 'futures-http2', to: 'node-http2', column: 'cpu', atMost: 2.1 },
    { of: 'futures-http2', to: 'got-http2', column: 'cpu', atMost: 0.5 },
  ],
  // The bars of issue 14.
  'http2-100': [
    { of: 'futures-http2', to: 'node-http2', column: 'cpu', atMost: 2.4 },
    { of: 'futures-http2', to: 'got-http2', column: 'cpu', atMost: 0.5 },
    { of: 'futures-http2', column: 'sockets', atMost: 1 },
  ],
  // The bars of issue 14.
  'http2-burst': [
    { of: 'futures-http2', to: 'futures-tls', column: 'cpu', atMost: 0.35 },
    { of: 'futures-http2', to: 'futures-tls', column: 'time', atMost: 0.35 },
  ],
  // The bars of issue 14.
  'http2-unused': [
    { of: 'futures-http2', to: 'futures-tls', column: 'cpu', atMost: 1.03 },
    { of: 'futures-tls', to: 'futures-before', column: 'cpu', atMost: 1.03 },
  ],
  'threads-round-trip': [
    { of: 'threads', column: 'ratioOne', atMost: 1.5 },
    { of: 'threads', column: 'ratioEight', atMost: 1.5 },
  ],
  // At least half of the throughput.
  'threads-small-json': [{ of: 'futures', to: 'threads', column: 'rate', atMost: 2 }],
  'threads-large-json': [
    { of: 'threads', to: 'futures', column: 'utilization', atMost: 0.35 },
    { of: 'threads', to: 'futures', column: 'delay', atMost: 0.2 },
    // At least 0.9 times the throughput.
    { of: 'futures', to: 'threads', column: 'rate', atMost: 1.11 },
  ],
  'threads-memory': [{ of: 'threads', column: 'more', atMost: 60 }],
  fleet: [
    { of: 'fleet', to: 'bare-bullmq', column: 'cpu512', atMost: 0.75 },
    { of: 'fleet', to: 'bare-bullmq', column: 'cpu64', atMost: 0.9 },
    { of: 'fleet', to: 'bare-bullmq', column: 'rate512', atLeast: 1.3 },
    { of: 'fleet', to: 'bare-bullmq', column: 'rate64', atLeast: 1.1 },
    { of: 'fleet', to: 'two-threads', column: 'own512', atMost: 0.8 },
    { of: 'fleet', to: 'bare-bullmq', column: 'one', atMost: 2 },
    { of: 'fleet', to: 'dask', column: 'rate64', atLeast: 4 },
    { of: 'fleet-sealed', to: 'fleet', column: 'cpu512', atMost: 1.4 },
  ],
  'fleet-cancel': [{ of: 'fleet', column: 'p95', atMost: 100 }],
  'fleet-storm': [
    { of: 'fleet', column: 'failed', atMost: 0 },
    { of: 'fleet', column: 'lost', atMost: 0 },
    { of: 'fleet', column: 'postsTwice', atMost: 0 },
  ],
}

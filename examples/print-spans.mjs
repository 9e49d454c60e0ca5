// A tiny OpenTelemetry SDK for open-telemetry.mjs, that prints each span as it ends. In a program of yours it is one of
// @opentelemetry's.
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import { context, propagation, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api'

const store = new AsyncLocalStorage()

export function printSpans() {
  context.setGlobalContextManager({
    active: () => store.getStore() ?? ROOT_CONTEXT,
    with: (each, fn, self, ...args) => store.run(each, fn.bind(self), ...args),
    bind: (each, fn) => (...args) => store.run(each, fn, ...args), // prettier-ignore
    enable() {},
    disable() {},
  })
  propagation.setGlobalPropagator({
    inject(each, carrier, { set }) {
      const { traceId, spanId } = trace.getSpanContext(each)
      set(carrier, 'traceparent', `00-${traceId}-${spanId}-01`)
    },
    extract: (each) => each,
    fields: () => ['traceparent'],
  })
  trace.setGlobalTracerProvider({ getTracer: () => tracer })
}

const tracer = {
  startSpan(name, { attributes = {} } = {}, parentContext = context.active()) {
    const parent = trace.getSpan(parentContext)
    const traceId = parent?.spanContext().traceId ?? randomBytes(16).toString('hex')
    const ids = { traceId, spanId: randomBytes(8).toString('hex'), traceFlags: TraceFlags.SAMPLED }
    let code = SpanStatusCode.UNSET
    return {
      name,
      spanContext: () => ids,
      setAttribute: (key, value) => (attributes[key] = value),
      setStatus: (status) => (code = status.code),
      recordException: (error) => (attributes['error.type'] = error.code),
      end() {
        const state = code === SpanStatusCode.ERROR ? 'failed' : 'well'
        const outcome = attributes['http.response.status_code'] ?? attributes['error.type'] ?? ''
        console.log(`span: ${name} in ${parent?.name ?? 'nothing'}, ${state} ${outcome}`.trimEnd())
      },
    }
  },
  startActiveSpan(name, work) {
    const span = tracer.startSpan(name)
    return context.with(trace.setSpan(context.active(), span), () => work(span))
  },
}

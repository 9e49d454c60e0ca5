// A span for each request, and its id in the header `traceparent`. Needs `npm install @opentelemetry/api` and an SDK.
import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { FuturesSession } from 'undici-futures'
import { printSpans } from './print-spans.mjs'
import { startServer } from './server.mjs'

printSpans()
const tracer = trace.getTracer('undici-futures')
const channel = tracingChannel('undici-futures:request')
const current = new AsyncLocalStorage()

// What is bound to the start is there until the request ends, in hooks too. It starts in the context of whoever asked.
channel.start.bindStore(current, ({ method, url }) => {
  const attributes = { 'http.request.method': method, 'url.full': url }
  const span = tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes })
  return trace.setSpan(context.active(), span)
})
channel.subscribe({
  asyncEnd({ result, error }) {
    const span = trace.getSpan(current.getStore())
    if (result) span.setAttribute('http.response.status_code', result.status)
    if (error) span.recordException(error)
    if (error || result.status >= 400) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  },
})

const { url } = await startServer()
const set = (headers, name, value) => headers.set(name, value)
const hooks = { request: (request) => propagation.inject(current.getStore(), request.headers, { set }) }
const session = new FuturesSession({ baseUrl: url, hooks })

await tracer.startActiveSpan('our work', async (span) => {
  const echo = await session.get('echo').json()
  console.log('the server saw the trace:', echo.headers.traceparent.includes(span.spanContext().traceId))
  await session.get('http://127.0.0.1:1/').exception()
  span.end()
})

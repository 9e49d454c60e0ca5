import { describe } from './checks.ts'

/** The names of options in other libraries, in lower case, without dashes and underscores. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  allowRedirects: ['followredirects', 'followredirect', 'follow', 'redirect', 'redirects'],
  auth: ['username', 'password', 'credentials', 'authorization'],
  baseUrl: ['prefixurl', 'prefix', 'origin'],
  bufferSize: ['buffer', 'concurrency', 'highwatermark', 'maxbuffered', 'prefetch'],
  cancel: ['cancelpending', 'cancelrunning', 'abort', 'force'],
  cancelPending: ['cancel', 'cancelfutures', 'cancelqueued', 'cancelwaiting'],
  cancelRunning: ['abort', 'force', 'kill', 'terminate'],
  cert: ['key', 'pfx', 'passphrase'],
  cookies: ['cookiejar', 'jar', 'cookie'],
  data: ['body', 'form', 'payload', 'content'],
  files: ['multipart', 'attachments'],
  http2: ['allowh2', 'h2', 'usehttp2'],
  idleTimeout: ['keepalive', 'maxidletime'],
  initializer: ['init', 'setup', 'initializers'],
  interval: ['duration', 'ms', 'per', 'period', 'window'],
  limit: ['count', 'intervalcap', 'max', 'maxrequests', 'requests', 'rate'],
  maxBuffered: ['buffer', 'buffersize', 'highwatermark'],
  maxPerGroup: ['maxperhost', 'maxperorigin', 'maxworkersperorigin', 'grouplimit'],
  maxQueue: ['maxqueuesize', 'queuesize', 'queuelimit'],
  maxRedirects: ['maxredirections', 'redirectlimit'],
  maxResponseSize: ['maxcontentlength', 'maxbodylength', 'maxsize'],
  maxWorkers: ['concurrency', 'maxconcurrency', 'parallelism', 'workers', 'maxsockets', 'numprocesses'],
  maxWorkersPerOrigin: ['maxworkersperhost', 'maxperorigin', 'maxperhost', 'maxpergroup'],
  onDownloadProgress: ['onprogress'],
  numProcesses: ['concurrency', 'maxworkers', 'numthreads', 'poolsize', 'processes', 'threads', 'workers'],
  next: ['following', 'nextpage', 'nexturl', 'paginate', 'pagination'],
  ordered: ['inorder', 'keeporder', 'order', 'preserveorder', 'sorted'],
  params: ['query', 'qs', 'searchparams', 'search'],
  poolOptions: ['pool', 'connections', 'agentoptions'],
  proxies: ['proxy', 'httpproxy', 'httpsproxy'],
  raiseForStatus: ['throwhttperrors', 'throwonerror', 'throwonhttperror', 'validatestatus', 'raiseonstatus'],
  perGroup: ['perhost', 'perorigin'],
  rateLimit: ['throttle', 'interval', 'intervalcap', 'requestspersecond'],
  statusCodes: ['statusforcelist', 'statuses', 'codes'],
  methods: ['allowedmethods', 'verbs'],
  base: ['delay', 'mindelay', 'mintimeout', 'initialdelay', 'backofffactor'],
  max: ['limit', 'maxdelay', 'maxtimeout', 'backofflimit'],
  returnWhen: ['mode', 'until', 'when'],
  retry: ['retries', 'maxretries', 'retrylimit', 'retryoptions'],
  signal: ['abortsignal', 'canceltoken', 'abort', 'timeout'],
  stream: ['streaming', 'preloadcontent'],
  total: ['limit', 'attempts', 'retries', 'maxretries', 'times'],
  threads: ['maxthreads', 'numthreads', 'poolsize'],
  timeout: [
    'ms',
    'timeoutms',
    'headerstimeout',
    'bodytimeout',
    'connecttimeout',
    'readtimeout',
    'totaltimeout',
    'deadline',
  ],
  verify: ['rejectunauthorized', 'ca', 'insecure', 'tls', 'ssl'],
  dispatcher: ['agent', 'client', 'adapter', 'transport'],
}

/** @returns what is wrong with the options of a request as a whole; `undefined`: nothing */
export function misuseOf(options: unknown): string | undefined {
  if (typeof options !== 'object' || options === null)
    return `Expected options to be an object, got ${describe(options)}`
  const misplaced = ['method', 'url'].find((name) => Object.hasOwn(options, name))
  return misplaced && `Unknown option \`${misplaced}\`: it is an argument of its own`
}

/** Options that belong elsewhere: the place, and their names. */
export type Elsewhere = readonly (readonly [place: string, names: readonly string[]])[]

/**
 * Refuses unknown options, because one that was ignored may have been meant as a safeguard. Own properties only.
 *
 * @throws {TypeError} no object, or an option that is not known here, with a hint
 */
export function checkOptionNames(options: object, known: readonly string[], elsewhere?: Elsewhere): void {
  if (typeof (options as unknown) !== 'object' || (options as unknown) === null) {
    throw new TypeError(`Expected options to be an object, got ${describe(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new TypeError(unknownOption(name, known, elsewhere))
  }
}

/**
 * @returns a message about an option that does not exist, with a hint
 *
 * @param known the names of the options here
 * @param elsewhere options that belong elsewhere
 */
export function unknownOption(name: string, known: readonly string[], elsewhere: Elsewhere = []): string {
  const place = elsewhere.find(([, names]) => names.includes(name))?.[0]
  if (place !== undefined) return `Unknown option \`${name}\`: it belongs to ${place}`
  const near = nearest(name, known)
  if (near !== undefined) return `Unknown option \`${name}\`: did you mean \`${near}\`?`
  return `Unknown option \`${name}\`: expected one of ${known.join(', ')}`
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = plainName(name)
  const byOtherName = known.find((each) => plainName(each) === plain || otherNames[each]?.includes(plain) === true)
  if (byOtherName !== undefined) return byOtherName
  const close = known.map((each) => ({ each, distance: distance(plain, plainName(each)) }))
  const [best] = close.sort((one, other) => one.distance - other.distance)
  return best !== undefined && best.distance <= Math.max(1, Math.floor(plain.length / 3)) ? best.each : undefined
}

const plainName = (name: string): string => name.slice(0, 40).replaceAll(/[-_]/g, '').toLowerCase()

/** The Levenshtein distance: how many letters to insert, drop or change. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const change = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[other.length] ?? 0
}

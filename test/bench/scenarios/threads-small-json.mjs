// What threads cost where there is nothing to do in them: the scenario `small-json`, here and there.
export { columns, inTurns, keep } from './small-json.mjs'

export const title = 'Small JSON, 8 at a time, in process and in threads'
export const contenders = ['futures', 'threads']
export const rounds = { full: 40, quick: 8 }

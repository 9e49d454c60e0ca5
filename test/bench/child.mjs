// One measurement of one contender, in a process of its own: `child.mjs <scenario> <contender> <options as JSON>`.
const [scenario, contender, options] = process.argv.slice(2)

const { measure } = await import(`./scenarios/${scenario}.mjs`)
const { open } = await import(`./contenders/${contender}.mjs`)

process.send(await measure({ open, ...JSON.parse(options) }), () => process.exit())

// One measurement of one contender, in a process of its own: `child.mjs <scenario> <contender> <options as JSON>`.
const [scenario, contender, options] = process.argv.slice(2)

const { measure } = await import(`./scenarios/${scenario}.mjs`)
/** The contender's own module is loaded when it is opened. */
const open = async (openOptions) => (await import(`./contenders/${contender}.mjs`)).open(openOptions)

process.send(await measure({ open, contender, ...JSON.parse(options) }), () => process.exit())

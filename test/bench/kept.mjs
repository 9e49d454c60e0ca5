// One contender of a scenario that keeps its contenders, in a process of its own: `kept.mjs <scenario> <contender> <options as
// JSON>`. It is opened and warm when it says so, and then measures once for each message, until its parent leaves.
const [scenario, contender, options] = process.argv.slice(2)

const { keep } = await import(`./scenarios/${scenario}.mjs`)
const open = async (openOptions) => (await import(`./contenders/${contender}.mjs`)).open(openOptions)

const { measure, close } = await keep({ open, contender, ...JSON.parse(options) })
process.on('message', async () => process.send(await measure()))
process.on('disconnect', async () => {
  await close()
  process.exit()
})
process.send('ready')

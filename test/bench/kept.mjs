// Contenders of a scenario that keeps its contenders, in one process: `kept.mjs <scenario> <contenders, by commas> <options as
// JSON>`. They are opened and warm when it says so; a message names one, which then measures once, until the parent leaves.
const [scenario, names, options] = process.argv.slice(2)

const { keep } = await import(`./scenarios/${scenario}.mjs`)
const kept = new Map()
for (const contender of names.split(',')) {
  const open = async (openOptions) => (await import(`./contenders/${contender}.mjs`)).open(openOptions)
  kept.set(contender, await keep({ open, contender, ...JSON.parse(options) }))
}
process.on('message', async (contender) => process.send(await kept.get(contender).measure()))
process.on('disconnect', async () => {
  for (const { close } of kept.values()) await close()
  process.exit()
})
process.send('ready')

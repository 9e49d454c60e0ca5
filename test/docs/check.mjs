// `npm run check:docs`: every public symbol is documented, and every type that a public one names is public, too. It names those that are not.
//
// A setter is documented by its getter, a constructor by its class, what is inherited by what it is inherited from. What Node and
// the language call (well-known symbols) needs nothing.
import { Application, Logger, LogLevel, ReflectionKind } from 'typedoc'

class Complaints extends Logger {
  list = new Set()

  log(message, level) {
    if (level >= LogLevel.Warn) this.list.add(message)
  }
}

const needed =
  ReflectionKind.Class |
  ReflectionKind.Interface |
  ReflectionKind.TypeAlias |
  ReflectionKind.Variable |
  ReflectionKind.Property |
  ReflectionKind.Accessor |
  ReflectionKind.CallSignature

const options = new URL('typedoc.json', import.meta.url).pathname
const app = await Application.bootstrap({ options, emit: 'none' })
const complaints = new Complaints()
app.logger = complaints
const project = await app.convert()
app.validate(project)

for (const reflection of project.getReflectionsByKind(needed)) {
  if (isDocumented(reflection) || isForNobody(reflection)) continue
  complaints.log(`${reflection.getFriendlyFullName()} has no documentation`, LogLevel.Warn)
}
for (const complaint of complaints.list) console.log(complaint)
process.exitCode = complaints.list.size === 0 ? 0 : 1

function isDocumented(reflection) {
  if (reflection.kindOf(ReflectionKind.Accessor)) return reflection.getSignature?.hasComment() ?? true
  return reflection.hasComment() || reflection.signatures?.length > 0
}

/** Of a well-known symbol, or of what an error is made from; or a part of a type that has no name and stands at what has a text. */
function isForNobody(reflection) {
  const { parent } = reflection
  if (reflection.getFullName().match(/\.\[|Error\.constructor\./)) return true
  if (reflection.kindOf(ReflectionKind.CallSignature) && parent.parent?.kindOf(ReflectionKind.TypeLiteral)) return true
  if (!parent.kindOf(ReflectionKind.TypeLiteral)) return false
  return (
    reflection.kindOf(ReflectionKind.CallSignature) ||
    parent.parent.kindOf(ReflectionKind.Property | ReflectionKind.Parameter)
  )
}

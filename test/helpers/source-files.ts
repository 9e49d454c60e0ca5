import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export interface SourceImport {
  /** A file of ours, as a path below src/, or a package. */
  readonly target: string
  readonly isOurs: boolean
  /** Whether it is there in the JavaScript that is emitted (`import type` is not). */
  readonly isEmitted: boolean
}

export interface LongFunction {
  readonly name: string
  readonly lines: number
}

/** What the architecture test wants to know of a file. */
export interface SourceFile {
  /** Below src/, with forward slashes. */
  readonly path: string
  /** The first folder below src/, `index` and `worker-entry` for those entries, `leaves` for the other files beside it. */
  readonly folder: string
  readonly lines: number
  /** Without comments and blank lines. */
  readonly codeLines: number
  readonly imports: readonly SourceImport[]
  /** Names of the exports that exist at run time. */
  readonly exportedValues: readonly string[]
  readonly functions: readonly LongFunction[]
  /** Lines that say `any` as a type without a reason beside it, or use `console`. */
  readonly anys: readonly number[]
  readonly consoles: readonly number[]
  /** Lines that say `setImmediate`, where it is not that of `node:timers`. */
  readonly globalImmediates: readonly number[]
}

const root = fileURLToPath(new URL('../../src', import.meta.url))

/** Every TypeScript file below src/, parsed. */
export function readSourceFiles(): SourceFile[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readSourceFile(file.replaceAll(path.sep, '/')))
}

function readSourceFile(file: string): SourceFile {
  const text = readFileSync(path.join(root, file), 'utf8')
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const lineOf = (node: ts.Node): number => tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1
  const hasReason = (line: number): boolean => /no-explicit-any -- \S/.test(text.split('\n')[line - 1] ?? '')
  const functions: LongFunction[] = []
  const anys: number[] = []
  const consoles: number[] = []
  const immediates: number[] = []
  const lazyImports: SourceImport[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (specifier !== undefined && ts.isStringLiteral(specifier))
        lazyImports.push(importOf(specifier.text, file, true))
    }
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const lines = tree.getLineAndCharacterOfPosition(node.end).line + 2 - lineOf(node)
      functions.push({ name: node.name?.getText(tree) ?? `(line ${lineOf(node)})`, lines })
    }
    if (node.kind === ts.SyntaxKind.AnyKeyword && !hasReason(lineOf(node))) anys.push(lineOf(node))
    if (ts.isIdentifier(node) && node.text === 'console') consoles.push(lineOf(node))
    if (ts.isIdentifier(node) && node.text === 'setImmediate') immediates.push(lineOf(node))
    ts.forEachChild(node, visit)
  }
  visit(tree)
  const imports = [...tree.statements.flatMap((statement) => importsOf(statement, file)), ...lazyImports]
  return {
    path: file,
    folder: folderOf(file),
    lines: text.split('\n').length - 1,
    codeLines: countCodeLines(tree),
    imports,
    exportedValues: tree.statements.flatMap(exportedValuesOf),
    functions,
    anys,
    consoles,
    globalImmediates: imports.some(({ target }) => target === 'node:timers') ? [] : immediates,
  }
}

/** Lines on which a token stands. */
function countCodeLines(tree: ts.SourceFile): number {
  const lines = new Set<number>()
  const visit = (node: ts.Node): void => {
    if (ts.isJSDoc(node)) return
    const children = node.getChildren(tree)
    if (children.length > 0) return children.forEach(visit)
    const first = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line
    const last = tree.getLineAndCharacterOfPosition(node.end).line
    if (node.end > node.getStart(tree)) for (let line = first; line <= last; line++) lines.add(line)
  }
  visit(tree)
  return lines.size
}

function folderOf(file: string): string {
  if (file === 'index.ts' || file === 'worker-entry.ts') return file.slice(0, -'.ts'.length)
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : 'leaves'
}

function importsOf(statement: ts.Statement, file: string): SourceImport[] {
  if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return []
  if (statement.moduleSpecifier === undefined) return []
  const specifier = (statement.moduleSpecifier as ts.StringLiteral).text
  const isType = ts.isExportDeclaration(statement)
    ? statement.isTypeOnly
    : statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
  return [importOf(specifier, file, !isType)]
}

function importOf(specifier: string, file: string, isEmitted: boolean): SourceImport {
  const isOurs = specifier.startsWith('.')
  return { target: isOurs ? path.posix.join(path.posix.dirname(file), specifier) : specifier, isOurs, isEmitted }
}

function exportedValuesOf(statement: ts.Statement): string[] {
  if (ts.isExportDeclaration(statement)) {
    if (statement.isTypeOnly) return []
    if (statement.exportClause === undefined || ts.isNamespaceExport(statement.exportClause)) return ['*']
    return statement.exportClause.elements.filter((each) => !each.isTypeOnly).map((each) => each.name.text)
  }
  if (ts.isExportAssignment(statement)) return ['default']
  const isExported = ts.canHaveModifiers(statement)
    ? ts.getModifiers(statement)?.some((each) => each.kind === ts.SyntaxKind.ExportKeyword)
    : false
  if (isExported !== true) return []
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map((each) => each.name.getText())
  if (ts.isFunctionDeclaration(statement))
    return statement.body === undefined ? [] : [statement.name?.text ?? 'default']
  if (ts.isClassDeclaration(statement)) return [statement.name?.text ?? 'default']
  return ts.isEnumDeclaration(statement) || ts.isModuleDeclaration(statement) ? ['(no plain export)'] : []
}

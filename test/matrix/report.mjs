/**
 * What a run of vitest came to, by its JSON report: the counts, the reasons of what was skipped, and what is wrong beside the
 * failures that vitest counts: a skip without a reason, and tests that should have run and did not.
 *
 * @param report of vitest; `undefined` if it did not come to write one
 * @param version of the Node it ran on
 * @param abilities why a test may be skipped, and which must not be
 */
export function judge(report, version, abilities) {
  if (report === undefined)
    return { passed: 0, failed: 1, skipped: 0, reasons: [], complaints: ['vitest wrote no report'] }
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults)
  const passed = tests.filter(({ status }) => status === 'passed')
  const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed')
  const missing = abilities.filter(({ isThere }) => !isThere(version))
  const isExcused = ({ fullName }) => missing.some(({ title }) => title.test(fullName))
  const complaints = [
    ...skipped.filter((test) => !isExcused(test)).map(({ fullName }) => `skipped without a reason: ${fullName}`),
    ...abilities
      .filter((ability) => !missing.includes(ability) && !passed.some(({ fullName }) => ability.title.test(fullName)))
      .map(({ title }) => `no test of ${title} has run`),
    ...report.testResults.filter(isUncounted).map(({ name, message }) => `${name} did not run: ${message}`),
  ]
  return {
    passed: passed.length,
    failed: report.numFailedTests + complaints.length,
    skipped: skipped.length,
    reasons: missing.map(({ title, reason }) => [
      skipped.filter(({ fullName }) => title.test(fullName)).length,
      reason,
    ]),
    complaints,
  }
}

/** A file that could not be loaded, or whose hooks failed, with no failed test to show for it. */
function isUncounted({ status, assertionResults }) {
  return status === 'failed' && !assertionResults.some((test) => test.status === 'failed')
}

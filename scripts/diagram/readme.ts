const BEGIN = '<!-- diagram:begin -->'
const END = '<!-- diagram:end -->'

/** @returns `readme` with `chart` between its two markers. @throws Error if it has not exactly one pair of them. */
export const withDiagram = (readme: string, chart: string): string => {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin || readme.indexOf(BEGIN, begin + 1) >= 0 || readme.indexOf(END, end + 1) >= 0) {
    throw new Error(`README.md must hold one ${BEGIN} and after it one ${END}.`)
  }
  return `${readme.slice(0, begin + BEGIN.length)}\n\n\`\`\`mermaid\n${chart}\n\`\`\`\n\n${readme.slice(end)}`
}
